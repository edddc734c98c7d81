using System.Diagnostics;
using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>Runs work until its time can be trusted.</summary>
static class Repetition
{
    const int WarmUpRuns = 2, LeastRuns = 7;

    // Short work is repeated: the runtime replaces its first code of a method within some hundred milliseconds of use.
    // Work that takes this long is not repeated for the sake of a number of runs.
    static readonly TimeSpan MostTime = TimeSpan.FromSeconds(20);

    static readonly TimeSpan WarmUpTime = TimeSpan.FromMilliseconds(500), LeastTime = TimeSpan.FromSeconds(1);

    /// <param name="run">The work.</param>
    /// <param name="measured">Told the milliseconds of each run after the warm-up.</param>
    /// <param name="backend">Where the work runs.</param>
    /// <param name="warm">Called when the warm-up is over.</param>
    /// <returns>What else was measured: most resident memory, and bandwidth between the runs.</returns>
    /// <exception cref="OperationCanceledException">Between two runs.</exception>
    public static RunConditions Run(Action run, Action<double> measured, IBackend backend, Action? warm, CancellationToken cancel)
    {
        Repeat(static () => { }, run, static _ => { }, WarmUpRuns, WarmUpTime, cancel);
        // Later runs take no more than the first ones, and the probe has buffers of its own.
        double peak = PeakMemory.Megabytes;
        // Before the probe, all of whose time counts as beside the work.
        warm?.Invoke();
        using var probe = new BandwidthProbe(backend);
        Repeat(probe.Read, run, measured, LeastRuns, LeastTime, cancel);
        probe.Read();
        return new(peak, probe.ReadGBs, probe.Seconds);
    }

    static void Repeat(Action before, Action run, Action<double> measured, int leastRuns, TimeSpan leastTime, CancellationToken cancel)
    {
        long began = Stopwatch.GetTimestamp();
        for (int runs = 0; runs == 0 || runs < leastRuns && Stopwatch.GetElapsedTime(began) < MostTime || Stopwatch.GetElapsedTime(began) < leastTime; runs++)
        {
            cancel.ThrowIfCancellationRequested();
            before();
            long started = Stopwatch.GetTimestamp();
            run();
            measured(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
    }
}
