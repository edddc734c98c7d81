using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>Runs work until its time can be trusted.</summary>
static class Repetition
{
    /// <summary>Runs that are measured at the least, however long they take.</summary>
    public const int LeastRuns = 7;

    const int WarmUpRuns = 2;

    // Short work is repeated: the runtime replaces its first code of a method within some hundred milliseconds of use.
    static readonly TimeSpan WarmUpTime = TimeSpan.FromMilliseconds(500), LeastTime = TimeSpan.FromSeconds(1);

    // A run this long warms up for itself, and whoever waits for several of them is told how long.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <param name="run">The work.</param>
    /// <param name="measured">Told the milliseconds of each run after the warm-up.</param>
    /// <param name="backend">Where the work runs.</param>
    /// <param name="warm">Called when the warm-up is over.</param>
    /// <param name="lengthy">Told after the first run how many are measured and how long all that remain will take, if that is long.</param>
    /// <param name="clock">Measures; null for the system's.</param>
    /// <returns>What else was measured: most resident memory, and bandwidth between the runs.</returns>
    /// <exception cref="OperationCanceledException">Between two runs.</exception>
    public static RunConditions Run(Action run, Action<double> measured, IBackend backend, Action? warm, Action<int, TimeSpan>? lengthy, CancellationToken cancel,
        TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        WarmUp(run, lengthy, clock, cancel);
        // Later runs take no more than the first ones, and the probe has buffers of its own.
        double peak = PeakMemory.Megabytes;
        // Before the probe, all of whose time counts as beside the work.
        warm?.Invoke();
        using var probe = new BandwidthProbe(backend);
        long began = clock.GetTimestamp();
        for (int runs = 0; runs < LeastRuns || clock.GetElapsedTime(began) < LeastTime; runs++)
        {
            cancel.ThrowIfCancellationRequested();
            probe.Read();
            measured(Seconds(run, clock) * 1e3);
        }
        probe.Read();
        return new(peak, probe.ReadGBs, probe.Seconds);
    }

    static void WarmUp(Action run, Action<int, TimeSpan>? lengthy, TimeProvider clock, CancellationToken cancel)
    {
        long began = clock.GetTimestamp();
        TimeSpan spent = TimeSpan.Zero;
        for (int runs = 0; runs < WarmUpRuns && spent < Patience || spent < WarmUpTime; runs++)
        {
            cancel.ThrowIfCancellationRequested();
            double seconds = Seconds(run, clock);
            spent = clock.GetElapsedTime(began);
            if (runs > 0 || LeastRuns * seconds <= Patience.TotalSeconds) continue;
            int remaining = LeastRuns + (spent < Patience ? WarmUpRuns - 1 : 0);
            lengthy?.Invoke(LeastRuns, TimeSpan.FromSeconds(remaining * seconds));
        }
    }

    static double Seconds(Action run, TimeProvider clock)
    {
        long started = clock.GetTimestamp();
        run();
        return clock.GetElapsedTime(started).TotalSeconds;
    }
}
