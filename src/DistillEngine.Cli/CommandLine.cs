using System.CommandLine;
using DistillEngine.Cli.Verbs;
using DistillEngine.Training;

namespace DistillEngine.Cli;

/// <summary>The verb table of <c>distill</c>.</summary>
public static class CommandLine
{
    /// <param name="output">Data.</param>
    /// <param name="error">Messages and progress.</param>
    /// <returns>The exit status.</returns>
    public static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        var io = new Io(output, error, cancel);
        return Host.Run("distill", Build(io), args, io, "stopped.", e => e is NonFiniteLossException ? ExitCode.Failure : null);
    }

    static RootCommand Build(Io io)
    {
        var root = new RootCommand("Distilling Step-by-Step: trains a small T5 to answer and to explain, from a large model's rationales.\n"
            + "Start with 'distill demo'. Data goes to stdout, messages to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 data or configuration, "
            + "130 interrupted.");
        root.Subcommands.Add(DemoVerb.Build(io));
        root.Subcommands.Add(TrainVerb.Build(io));
        root.Subcommands.Add(EvalVerb.Build(io));
        root.Subcommands.Add(PredictVerb.Build(io));
        root.Subcommands.Add(DataVerb.Build(io));
        root.Subcommands.Add(InspectVerb.Build(io));
        root.Subcommands.Add(VerifyVerb.Build(io));
        root.Subcommands.Add(BenchVerb.Build(io));
        root.Subcommands.Add(DoctorVerb.Build(io));
        return root;
    }
}
