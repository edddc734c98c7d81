namespace DistillEngine.Tests;

/// <summary>Managed bytes that work takes on the calling thread.</summary>
static class Allocations
{
    const int Attempts = 5;

    /// <summary>The least of a few measurements. A collection that another test starts meanwhile ends the thread's allocation buffer, and
    /// what was left of it counts as allocated; what the work itself takes shows in every measurement.</summary>
    /// <param name="work">Warm: it has run before.</param>
    public static long Of(Action work)
    {
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
