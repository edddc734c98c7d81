using System.Diagnostics;

namespace DistillEngine.Kernels;

/// <summary>Times launches on a device's stream.</summary>
sealed class DeviceStopwatch(Gpu gpu)
{
    // Long against what a launch and a wait cost, short against the compilation of a kernel.
    const double BatchSeconds = 2e-3;
    const int MaxLaunches = 50, Batches = 3;

    /// <summary>Seconds of one launch: the best of a few batches, after one that compiles the kernel and one that sizes the batches.</summary>
    public double Measure(Action launch)
    {
        Time(launch, 1);
        int launches = (int)Math.Clamp(BatchSeconds / Time(launch, 1), 1, MaxLaunches);
        double best = double.PositiveInfinity;
        for (int i = 0; i < Batches; i++) best = Math.Min(best, Time(launch, launches) / launches);
        return best;
    }

    double Time(Action launch, int count)
    {
        gpu.Driver.Synchronize();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++) launch();
        gpu.Driver.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
