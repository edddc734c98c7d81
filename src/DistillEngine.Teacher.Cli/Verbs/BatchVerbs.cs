using System.CommandLine;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Batches;
using DistillEngine.Teacher.Reports;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Sessions;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary><c>export-batch</c> and <c>import-batch</c>: asking by files, where the server is elsewhere or cheaper that way.</summary>
static class BatchVerbs
{
    const int DamagedShown = 10;

    public static Command BuildExport(Io io)
    {
        var questions = new QuestionOptions();
        var output = new Option<string>("--output") { Description = "Folder of the run", Required = true, HelpName = "RUN" };
        var limitsCompletion = new Option<bool>("--max-completion-tokens")
        {
            Description = "Call the limit on tokens max_completion_tokens, as newer OpenAI models want",
        };
        Option<bool> json = CommonOptions.Json("requests, files");
        var command = new Command("export-batch", "Write the unanswered questions as OpenAI batch files, matched on custom_id");
        questions.AddTo(command);
        foreach (Option option in (Option[])[output, limitsCompletion, json]) command.Options.Add(option);
        questions.AddPricesTo(command);
        command.SetAction(p =>
        {
            TimeProvider time = TimeProvider.System;
            RunSetup setup = RunSetup.Load(questions.Question(p));
            using RunFolder folder = RunFolder.Take(p.GetValue(output)!);
            folder.Begin(setup, folder.Manifest(setup, new RunTerms("batch", null, questions.Prices(p)), time.GetUtcNow()));
            var history = new RunHistory(setup.Plan);
            using (Journal.Open(folder.FolderPath, Durability.AtTheEnd, time, history.Add, text => io.Error.WriteLine($"warning: {text}"))) { }
            BatchExportReport report = BatchExport.Write(folder.FolderPath, setup.Plan, history, p.GetValue(limitsCompletion));
            if (p.GetValue(json))
            {
                io.WriteJson(w =>
                {
                    w.WriteNumber("requests", report.Requests);
                    w.WriteStartArray("files");
                    foreach (string file in report.Files) w.WriteStringValue(file);
                    w.WriteEndArray();
                });
                return ExitCode.Ok;
            }
            foreach (string file in report.Files) io.Output.WriteLine(file);
            io.Error.WriteLine(report.Requests == 0
                ? "Every question has an answer; there is nothing to export."
                : $"{report.Requests:N0} questions. Next: run the batch, then distill-teacher import-batch {folder.FolderPath} FILE…");
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command BuildImport(Io io)
    {
        var run = new Argument<string>("RUN") { Description = "Folder of a run" };
        var files = new Argument<string[]>("FILE") { Description = "Output and error files of the batch", Arity = ArgumentArity.OneOrMore };
        Option<string?> input = ParseVerb.Input();
        Option<bool> json = CommonOptions.Json("lines, imported, repeated, unknown, failed, damaged, results");
        var command = new Command("import-batch", "Take the answers of a batch into the run, and parse them") { run, files, input, json };
        command.SetAction(p =>
        {
            TimeProvider time = TimeProvider.System;
            string path = p.GetValue(run)!;
            using RunFolder folder = RunFolder.TakeExisting(path);
            RunManifest manifest = ManifestFile.Read(path);
            var paths = RunPaths.Read(path);
            RunSetup setup = RunSetup.Load(manifest, paths, p.GetValue(input));
            var history = new RunHistory(setup.Plan);
            BatchImportReport imported;
            using (var journal = Journal.Open(path, Durability.AtTheEnd, time, history.Add, text => io.Error.WriteLine($"warning: {text}")))
                imported = BatchImport.Read(p.GetValue(files)!, setup.Plan, history, journal, time);
            AnswerReport report = folder.Parse(setup, manifest.Parser, manifest.OnAmbiguous, time.GetUtcNow());
            Show(io, path, imported, report, p.GetValue(json));
            // The plan is of all rows; a run that asks about the first ones only consists of the first requests.
            bool isComplete = setup.Plan.Requests.Take(paths.Requests).All(planned => history.IsAnswered(planned.Key));
            return !isComplete ? ExitCode.Partial : report.TooManyFailed ? ExitCode.Unparsed : ExitCode.Ok;
        });
        return command;
    }

    static void Show(Io io, string path, BatchImportReport imported, AnswerReport report, bool isJson)
    {
        foreach (string line in imported.Damaged.Take(DamagedShown)) io.Error.WriteLine(line);
        if (imported.Damaged.Count > DamagedShown) io.Error.WriteLine($"… and {imported.Damaged.Count - DamagedShown:N0} more.");
        if (isJson)
        {
            io.WriteJson(w =>
            {
                w.WriteNumber("lines", imported.Lines);
                w.WriteNumber("imported", imported.Imported);
                w.WriteNumber("repeated", imported.Repeated);
                w.WriteNumber("unknown", imported.Unknown);
                w.WriteNumber("failed", imported.Failed);
                w.WriteNumber("damaged", imported.Damaged.Count);
                RunJson.Write(w, report);
            });
            return;
        }
        io.Error.WriteLine($"{imported.Lines:N0} lines: {imported.Imported:N0} answers taken, {imported.Repeated:N0} were there already, "
            + $"{imported.Failed:N0} tell of errors, "
            + $"{imported.Unknown:N0} belong to other runs, {imported.Damaged.Count:N0} are damaged.");
        io.Output.Write(RunReport.Of(ManifestFile.Read(path), report));
    }
}
