using System.CommandLine;
using System.Diagnostics;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using Trace = DistillEngine.Core.Trace;

namespace DistillEngine.Cli.Verbs;

/// <summary><c>--profile</c>: a table of every op on stderr when the work is done.</summary>
static class Profiling
{
    public static Option<bool> Option() => new("--profile") { Description = "At the end, show time, GFLOP/s, GB/s and share of the machine's limit of every op" };

    /// <summary>Does the work and, if asked, shows its ops; also where the user stopped it.</summary>
    public static T Run<T>(bool isOn, Io io, int threads, Func<T> work)
    {
        if (!isOn) return work();
        using TraceLog log = Trace.Open();
        long started = Stopwatch.GetTimestamp();
        try
        {
            T result = work();
            Write(io, log, started, threads);
            return result;
        }
        catch (OperationCanceledException)
        {
            Write(io, log, started, threads);
            throw;
        }
    }

    static void Write(Io io, TraceLog log, long started, int threads)
    {
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Roof roof = RooflineMeter.Measure(CpuIsas.Choose(), DeviceOptions.Count(threads));
        foreach (string line in ProfileTable.Lines(log, seconds, roof, DType.F32)) io.Error.WriteLine(line);
    }
}
