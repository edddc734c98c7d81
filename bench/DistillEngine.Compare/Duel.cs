using System.Diagnostics;
using DistillEngine.Benchmarks;

namespace DistillEngine.Compare;

/// <summary>Times of the same work done by both, in turns, so that whatever else the machine does meets both.</summary>
/// <param name="Work">What was done.</param>
/// <param name="Agreement">How near the results are.</param>
sealed record Duel(string Work, Timing Ours, Timing Theirs, string Agreement)
{
    // The threads of the other side look out for work some milliseconds longer, on processors that this side needs.
    static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(50);

    // Below this many milliseconds waking one's own threads would count: a run before the timed one wakes them.
    const double ShortWork = 100;

    /// <summary>How many times as long libtorch takes, by the medians.</summary>
    public double Ratio => Theirs.Median / Ours.Median;

    /// <param name="rounds">Turns that count, after one of warm-up.</param>
    public static Duel Run(string work, Action ours, Action theirs, int rounds, string agreement, CancellationToken cancel)
    {
        List<double> our = [], their = [];
        double first = Milliseconds(ours, before: 0), second = Milliseconds(theirs, before: 0);
        for (int round = 0; round < rounds; round++)
        {
            cancel.ThrowIfCancellationRequested();
            our.Add(first = Milliseconds(ours, first));
            their.Add(second = Milliseconds(theirs, second));
        }
        return new(work, Timing.Of(our), Timing.Of(their), agreement);
    }

    /// <param name="before">What the work took before; 0 where that is unknown.</param>
    static double Milliseconds(Action run, double before)
    {
        Thread.Sleep(Rest);
        if (before is > 0 and < ShortWork) run();
        long started = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
