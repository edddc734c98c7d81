using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Managed bytes that a step and a decoded token take.</summary>
static class ShownAllocations
{
    // A collection meanwhile ends the thread's allocation buffer, whose rest counts as allocated: the least of a few is what the work takes.
    const int Attempts = 3;

    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable($"Managed bytes allocated, {sizes.Small}", "0", new("work", "work"), new("bytes", "bytes", "F0"));
        foreach (ComputePrecision type in sizes.Types)
        {
            using CpuBackend backend = CpuBackend.Open(sizes.AllThreads, type);
            using var bench = new StepBench(new() { Model = sizes.Small, Batch = sizes.Batch, Source = sizes.Source, Target = sizes.Target }, backend);
            table.Add($"a step, {type}", (double)Allocated(() => bench.Step()));
        }
        foreach (WeightForm form in sizes.DecodeForms)
        {
            // Twice the tokens: what they take beyond the half of them is theirs, and the rest the generation's own.
            long half = Generation(sizes, form, sizes.Target), whole = Generation(sizes, form, 2 * sizes.Target);
            table.Add($"a token, {form}", (double)(whole - half) / sizes.Target);
        }
        return table;
    }

    static long Generation(ShownSizes sizes, WeightForm form, int tokens)
    {
        using CpuBackend backend = CpuBackend.Open(sizes.AllThreads);
        using var bench = new DecodeBench(new() { Model = sizes.Small, Source = sizes.Source, Tokens = tokens, Weights = form }, backend);
        return Allocated(() => bench.Generate());
    }

    /// <summary>By the calling thread; the compute threads run kernels alone.</summary>
    static long Allocated(Action work)
    {
        work();
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
