using DistillEngine.Benchmarks;

namespace DistillEngine.Bench.Shown;

/// <summary>The most memory that was resident since a moment.</summary>
static class ResidentMemory
{
    // Linux: writing 5 sets the high-water mark to what is resident now.
    const string Marks = "/proc/self/clear_refs", ResetPeak = "5";

    /// <summary>Begins a measurement.</summary>
    /// <returns>10⁶ bytes resident now; NaN where the system keeps no mark that can be reset.</returns>
    public static double Begin()
    {
        GC.Collect();
        try
        {
            File.WriteAllText(Marks, ResetPeak);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return double.NaN;
        }
        return PeakMemory.Megabytes;
    }
}
