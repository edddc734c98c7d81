using System.CommandLine;
using DistillEngine.Benchmarks;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>--profile</c>: a table of every op on stderr when the work is done.</summary>
static class Profiling
{
    public static Option<bool> Option() => new("--profile")
    {
        Description = "At the end, show time, GFLOP/s, GB/s and share of the machine's limit of every op",
    };

    /// <summary>Does the work and, if asked, shows its ops; also where the user stopped it.</summary>
    /// <param name="backend">What computes.</param>
    /// <param name="operands">Type of the products' operands.</param>
    public static T Run<T>(bool isOn, Io io, IBackend backend, PeakKind operands, Func<T> work)
    {
        if (!isOn) return work();
        using var recording = new Recording(backend);
        try
        {
            T result = work();
            Show();
            return result;
        }
        catch (OperationCanceledException)
        {
            Show();
            throw;
        }

        void Show()
        {
            recording.Dispose();
            recording.Write(io, RooflineMeter.Measure(backend), operands);
        }
    }
}
