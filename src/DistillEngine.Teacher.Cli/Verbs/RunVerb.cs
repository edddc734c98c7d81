using System.CommandLine;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Sessions;
using DistillEngine.Teacher.Sources;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>distill-teacher run</c>: asks, and parses in the end. Started again with the same folder, it goes on.</summary>
static class RunVerb
{
    public static Command Build(Io io)
    {
        var questions = new QuestionOptions();
        var options = new RunOptions();
        var command = new Command("run", "Ask a server about every row; started again with the same folder, it goes on");
        questions.AddTo(command);
        options.AddTo(command);
        questions.AddPricesTo(command);
        command.SetAction(p => Run(io, questions.Question(p), questions.Prices(p), options.Read(p)));
        return command;
    }

    static int Run(Io io, RunQuestion question, Prices? prices, RunSettings settings)
    {
        TimeProvider time = TimeProvider.System;
        ServerAddress? address = settings.BaseUrl is { } url ? ServerAddress.Parse(url) : null;
        RunSetup setup = RunSetup.Load(question);
        using RunFolder folder = RunFolder.Take(settings.Output);
        RunManifest manifest = folder.Manifest(setup, settings.Terms(address, prices), time.GetUtcNow());
        prices ??= manifest.Prices is { } earlier ? new(earlier.Input, earlier.Output) : null;
        if (settings.Budget.Dollars is not null && prices is null) throw new UsageException("--budget-usd needs --price-in and --price-out.");
        var console = new RunConsole(io);
        ITeacher teacher = Open(settings, address, time, console.Note);
        RunResult result;
        try
        {
            // Only now: what is wrong with the options leaves no run behind.
            folder.Begin(setup, manifest);
            result = Ask(io, console, folder, setup, teacher, settings.Runner(setup, prices, console.Note), settings.Durability, time);
        }
        finally
        {
            (teacher as IDisposable)?.Dispose();
        }
        AnswerReport report = folder.Parse(setup, manifest.Parser, manifest.OnAmbiguous, time.GetUtcNow());
        Show(io, folder, question.Task, result, report, settings.IsJson);
        return CodeOf(result, report);
    }

    static ITeacher Open(RunSettings settings, ServerAddress? address, TimeProvider time, Action<string> note)
    {
        if (address is null) return new ReplayTeacher(settings.Replay!);
        ApiKey key = ApiKey.Load(settings.KeyFile);
        if (key.IsPresent && address.IsOpenToListeners) note($"warning: the key goes to {address.Display} without encryption; others on the way can read it.");
        return new OpenAiTeacher(address, key, settings.Timeout, settings.Concurrency, time);
    }

    static RunResult Ask(Io io, RunConsole console, RunFolder folder, RunSetup setup, ITeacher teacher, RunnerOptions options, Durability durability,
        TimeProvider time)
    {
        var history = new RunHistory(setup.Plan);
        using var journal = Journal.Open(folder.FolderPath, durability, time, history.Add, text => console.Note($"warning: {text}"));
        if (history.Answered > 0) console.Note($"Going on: {history.Answered:N0} of {setup.Plan.Requests.Count:N0} answers are in the journal.");
        using var runner = new Runner(teacher, setup.Plan, history, journal, options, time);
        return console.FollowAsync(runner.RunAsync(io.Cancel), runner.Snapshot).GetAwaiter().GetResult();
    }

    static void Show(Io io, RunFolder folder, string task, RunResult result, AnswerReport report, bool isJson)
    {
        foreach (ErrorGroup error in result.Errors)
            io.Error.WriteLine($"{error.Kind}: {error.Attempts:N0} attempts "
                + $"failed{(error.GivenUp > 0 ? $", {error.GivenUp:N0} questions given up" : "")}; such as: {error.Example}");
        if (result.Reason is { } reason) io.Error.WriteLine($"Stopped: {reason}.");
        if (isJson)
        {
            WriteJson(io, result, report);
            return;
        }
        io.Output.Write(RunReport.Of(ManifestFile.Read(folder.FolderPath), report));
        string rationales = Path.Combine(folder.FolderPath, AnswerFiles.RationalesName);
        io.Error.WriteLine(result.Outcome is RunOutcome.Complete
            ? $"Next: distill train --data {CommandText.Quote(rationales)} --task {CommandText.Quote(task)} …"
            : result.Outcome is RunOutcome.Unparsed
            ? $"See {Path.Combine(folder.FolderPath, AnswerFiles.RejectsName)}; change the prompt and start in another folder, "
                + $"or change the parsing rules and run 'distill-teacher parse {folder.FolderPath}'."
            : "The same command goes on where it stopped.");
    }

    static void WriteJson(Io io, RunResult result, AnswerReport report) => io.WriteJson(w =>
    {
        RunSnapshot last = result.Last;
        w.WriteString("outcome", result.Outcome.ToString().ToLowerInvariant());
        w.WriteString("reason", result.Reason);
        w.WriteNumber("requests", last.Total);
        w.WriteNumber("answered", last.Answered);
        w.WriteNumber("answeredBefore", last.AnsweredBefore);
        w.WriteNumber("givenUp", last.GivenUp);
        w.WriteNumber("attempts", last.Spent.Requests);
        w.WriteNumber("inputTokens", last.Spent.InputTokens);
        w.WriteNumber("outputTokens", last.Spent.OutputTokens);
        if (last.Dollars is { } dollars) w.WriteNumber("usd", dollars);
        else w.WriteNull("usd");
        w.WriteNumber("seconds", Math.Round(last.Elapsed.TotalSeconds, 3));
        w.WriteStartObject("errors");
        foreach (ErrorGroup error in result.Errors) w.WriteNumber(error.Kind, error.Attempts);
        w.WriteEndObject();
        RunJson.Write(w, report);
    });

    static int CodeOf(RunResult result, AnswerReport report) => result.Outcome switch
    {
        RunOutcome.Complete => report.TooManyFailed ? ExitCode.Unparsed : ExitCode.Ok,
        RunOutcome.Partial => ExitCode.Partial,
        RunOutcome.Budget => ExitCode.Budget,
        RunOutcome.Unparsed => ExitCode.Unparsed,
        RunOutcome.Interrupted => ExitCode.Interrupted,
        _ => ExitCode.Failure,
    };
}
