using System.Diagnostics;

namespace DistillEngine.Bench.Shown;

/// <summary>Times works in turns: what else the machine does, and where its memory's bandwidth moves, meets all of them.</summary>
static class Turns
{
    const int WarmUpRuns = 2;

    // The runtime replaces its first code of a method within some hundred milliseconds of use.
    static readonly TimeSpan WarmUpTime = TimeSpan.FromMilliseconds(200);

    // Threads sleep while another work has its turn, and waking them takes up to a millisecond on virtual machines: short works run once before
    // they are timed, as they run among others.
    const double ShortMilliseconds = 10;

    /// <returns>Milliseconds, a row for each work.</returns>
    public static double[][] Of(int turns, params Action[] works)
    {
        bool[] areShort = [.. works.Select(work => WarmUp(work) < ShortMilliseconds)];
        double[][] times = [.. works.Select(_ => new double[turns])];
        for (int turn = 0; turn < turns; turn++)
            for (int i = 0; i < works.Length; i++)
            {
                if (areShort[i]) works[i]();
                times[i][turn] = Milliseconds(works[i]);
            }
        return times;
    }

    /// <returns>Milliseconds of the last run.</returns>
    static double WarmUp(Action work)
    {
        long began = Stopwatch.GetTimestamp();
        double last = 0;
        for (int runs = 0; runs < WarmUpRuns || Stopwatch.GetElapsedTime(began) < WarmUpTime; runs++) last = Milliseconds(work);
        return last;
    }

    static double Milliseconds(Action work)
    {
        long started = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
