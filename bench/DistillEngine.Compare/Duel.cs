using System.Diagnostics;
using DistillEngine.Benchmarks;

namespace DistillEngine.Compare;

/// <summary>Times of the same work done by both, in turns, so that whatever else the machine does meets both.</summary>
/// <param name="Work">What was done.</param>
/// <param name="Agreement">How near the results are.</param>
sealed record Duel(string Work, Timing Ours, Timing Theirs, string Agreement)
{
    /// <summary>How many times as long libtorch takes, by the medians.</summary>
    public double Ratio => Theirs.Median / Ours.Median;

    /// <param name="rounds">Turns that count, after one of warm-up.</param>
    public static Duel Run(string work, Action ours, Action theirs, int rounds, string agreement, CancellationToken cancel)
    {
        List<double> our = [], their = [];
        for (int round = -1; round < rounds; round++)
        {
            cancel.ThrowIfCancellationRequested();
            double first = Milliseconds(ours), second = Milliseconds(theirs);
            if (round < 0) continue;
            our.Add(first);
            their.Add(second);
        }
        return new(work, Timing.Of(our), Timing.Of(their), agreement);
    }

    static double Milliseconds(Action run)
    {
        long started = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
