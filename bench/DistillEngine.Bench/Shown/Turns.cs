using System.Diagnostics;

namespace DistillEngine.Bench.Shown;

/// <summary>Times works in turns: what else the machine does, and where its memory's bandwidth moves, meets all of them.</summary>
static class Turns
{
    const int WarmUpRuns = 2;

    // The runtime replaces its first code of a method within some hundred milliseconds of use.
    static readonly TimeSpan WarmUpTime = TimeSpan.FromMilliseconds(200);

    /// <returns>Milliseconds, a row for each work.</returns>
    public static double[][] Of(int turns, params Action[] works)
    {
        foreach (Action work in works) WarmUp(work);
        double[][] times = [.. works.Select(_ => new double[turns])];
        for (int turn = 0; turn < turns; turn++)
            for (int i = 0; i < works.Length; i++)
                times[i][turn] = Milliseconds(works[i]);
        return times;
    }

    static void WarmUp(Action work)
    {
        long began = Stopwatch.GetTimestamp();
        for (int runs = 0; runs < WarmUpRuns || Stopwatch.GetElapsedTime(began) < WarmUpTime; runs++) work();
    }

    static double Milliseconds(Action work)
    {
        long started = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
