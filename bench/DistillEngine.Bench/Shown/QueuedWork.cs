using System.Diagnostics;
using DistillEngine.Core;

namespace DistillEngine.Bench.Shown;

/// <summary>A device's work, run so often in a row that launch and wait are short against it.</summary>
sealed class QueuedWork
{
    const double LeastMilliseconds = 5;
    const int MostTimes = 200;

    readonly IDevice _device;
    readonly Action _queue;

    /// <param name="queue">Queues the work once.</param>
    public QueuedWork(IDevice device, Action queue)
    {
        (_device, _queue) = (device, queue);
        Times = 1;
        // The first run compiles kernels and chooses among them.
        Run();
        long started = Stopwatch.GetTimestamp();
        Run();
        Times = (int)Math.Clamp(LeastMilliseconds / Stopwatch.GetElapsedTime(started).TotalMilliseconds + 1, 1, MostTimes);
    }

    /// <summary>How often one <see cref="Run"/> does the work.</summary>
    public int Times { get; }

    public void Run()
    {
        for (int i = 0; i < Times; i++) _queue();
        _device.Synchronize();
    }
}
