using System.CommandLine;
using System.CommandLine.Invocation;
using DistillEngine.Cli.Verbs;
using DistillEngine.Data;
using DistillEngine.Training;

namespace DistillEngine.Cli;

/// <summary>The verb table of <c>distill</c>, and what becomes of errors: one line that says what, where and what to do, and an exit code.</summary>
public static class CommandLine
{
    /// <param name="output">Data.</param>
    /// <param name="error">Messages and progress.</param>
    /// <returns>The exit status.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        ParseResult parsed = Build(new Io(output, error, cancel)).Parse(args);
        if (parsed.Action is ParseErrorAction)
        {
            foreach (var problem in parsed.Errors) error.WriteLine($"distill: {problem.Message}");
            foreach (string word in parsed.UnmatchedTokens)
                if (Spelling.Closest(word, NamesIn(parsed.CommandResult.Command)) is { } meant) error.WriteLine($"distill: did you mean '{meant}' instead of '{word}'?");
            error.WriteLine($"See '{PathOf(parsed.CommandResult.Command)} --help'.");
            return ExitCode.Usage;
        }
        try
        {
            return parsed.Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (OperationCanceledException)
        {
            error.WriteLine("distill: stopped. Run the same command with --resume to go on, where it has that option.");
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (CodeOf(e) is { } code)
        {
            error.WriteLine($"distill: {e.Message}");
            return code;
        }
    }

    static RootCommand Build(Io io)
    {
        var root = new RootCommand("Distilling Step-by-Step: trains a small T5 to answer and to explain, from a large model's rationales.\n"
            + "Start with 'distill demo'. Data goes to stdout, messages to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 data or configuration, 130 interrupted.");
        root.Subcommands.Add(DemoVerb.Build(io));
        root.Subcommands.Add(TrainVerb.Build(io));
        root.Subcommands.Add(EvalVerb.Build(io));
        root.Subcommands.Add(PredictVerb.Build(io));
        root.Subcommands.Add(DataVerb.Build(io));
        root.Subcommands.Add(InspectVerb.Build(io));
        root.Subcommands.Add(VerifyVerb.Build(io));
        root.Subcommands.Add(DoctorVerb.Build(io));
        return root;
    }

    static IEnumerable<string> NamesIn(Command command) => command.Subcommands.Select(c => c.Name).Concat(command.Options.Select(o => o.Name));

    static string PathOf(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{PathOf(parent)} {command.Name}" : "distill";

    /// <summary>Exit code of an error whose message is meant for a user; null for a bug, which keeps its stack trace.</summary>
    static int? CodeOf(Exception e) => e switch
    {
        InvalidDataException or FileNotFoundException or DirectoryNotFoundException => ExitCode.Invalid,
        UsageException or ArgumentException => ExitCode.Usage,
        IOException or UnauthorizedAccessException => ExitCode.Failure,
        NonFiniteLossException or InsufficientMemoryException => ExitCode.Failure,
        _ => null,
    };
}
