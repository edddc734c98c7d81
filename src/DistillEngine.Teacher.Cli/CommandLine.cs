using System.CommandLine;
using DistillEngine.Teacher.Cli.Verbs;

namespace DistillEngine.Teacher.Cli;

/// <summary>The verb table of <c>distill-teacher</c>.</summary>
public static class CommandLine
{
    /// <param name="output">Data.</param>
    /// <param name="error">Messages and progress.</param>
    /// <returns>The exit status.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        var io = new Io(output, error, cancel);
        return Host.Run("distill-teacher", Build(io), args, io, "stopped. The same command goes on where it stopped.", _ => null);
    }

    static RootCommand Build(Io io)
    {
        var root = new RootCommand("Asks a large model for rationales and labels, and makes the file that 'distill train' learns from.\n"
            + "Data goes to stdout, messages to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 data or configuration, 4 budget reached, "
            + "5 too many answers do not parse, 6 some rows got no answer, 130 interrupted.");
        root.Subcommands.Add(InitVerb.Build(io));
        root.Subcommands.Add(PlanVerb.Build(io));
        root.Subcommands.Add(RunVerb.Build(io));
        root.Subcommands.Add(ParseVerb.Build(io));
        root.Subcommands.Add(StatusVerb.Build(io));
        root.Subcommands.Add(ReportVerb.Build(io));
        root.Subcommands.Add(BatchVerbs.BuildExport(io));
        root.Subcommands.Add(BatchVerbs.BuildImport(io));
        return root;
    }
}
