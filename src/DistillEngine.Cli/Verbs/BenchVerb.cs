using System.CommandLine;
using DistillEngine.Benchmarks;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>distill bench</c>: what this machine can do, and how near to that the engine comes.</summary>
static class BenchVerb
{
    public static Command Build(Io io) => new("bench", "Measure this machine's limits, and training and decoding against them")
    {
        BenchRooflineVerb.Build(io), BenchStepVerb.Build(io), BenchDecodeVerb.Build(io),
    };

    public static Option<string> Model() => new("--model")
    {
        Description = $"{string.Join(", ", T5Presets.Names)} (random weights), or a model folder", Required = true, HelpName = "NAME|FOLDER",
    };

    /// <summary>An option that is at least one.</summary>
    public static Option<int> Count(string name, string description, int standard) =>
        CommonOptions.AtLeast(new Option<int>(name) { Description = description, DefaultValueFactory = _ => standard, HelpName = "N" }, 1);

    /// <summary>Measures, and records the ops of the measured runs if asked.</summary>
    /// <param name="measure">Calls what it is given when it is warm.</param>
    public static (T Result, Recording? Recording) Record<T>(IBackend backend, bool isRecorded, Func<Action, T> measure)
    {
        Recording? recording = null;
        try
        {
            T result = measure(() => recording = isRecorded ? new(backend) : null);
            return (result, recording);
        }
        finally
        {
            recording?.Dispose();
        }
    }

    /// <summary>Tells how long the runs will take that are still to come.</summary>
    /// <param name="work">What runs, in the plural.</param>
    public static Action<int, TimeSpan> Lengthy(Io io, string work) => (runs, rest) => io.Error.WriteLine(FormattableString.Invariant(
        $"measuring {runs} {work}: about {Math.Ceiling(rest.TotalSeconds):F0} s more; Ctrl+C ends it"));

    /// <summary>Heads the table of times.</summary>
    public static void WriteTimingHead(Io io, IBackend backend)
    {
        io.Output.WriteLine($"on {backend.Name}");
        io.Output.WriteLine($"{"",-12} {"median",10} {"min",10} {"max",10}");
    }

    public static void WriteTiming(Io io, string name, Timing t) =>
        io.Output.WriteLine(FormattableString.Invariant($"{name,-12} {t.Median,10:F2} {t.Min,10:F2} {t.Max,10:F2} ms"));

    /// <summary>The limit in words.</summary>
    public static void WriteLimit(Io io, double limitMs, double share, double gflops, double readGBs) => io.Output.WriteLine(FormattableString.Invariant(
        $"limit        {limitMs,10:F2} ms at {gflops:F0} GFLOP/s and {readGBs:F1} GB/s, measured in this run: {100 * share:F1} % reached"));
}
