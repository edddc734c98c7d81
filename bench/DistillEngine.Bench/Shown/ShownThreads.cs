using DistillEngine.Benchmarks;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>The step on one thread and on all of them, in turns.</summary>
static class ShownThreads
{
    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable($"Training step of {sizes.Small} on one thread and on {sizes.AllThreads}, in turns", "1.85 times as fast on two",
            new("type", "type"), new("oneMs", "one thread, ms"), new("allMs", $"{sizes.AllThreads} threads, ms"), new("ratio", "ratio, median of the turns", "F2"));
        var options = new StepBenchOptions { Model = sizes.Small, Batch = sizes.Batch, Source = sizes.Source, Target = sizes.Target };
        foreach (ComputePrecision type in sizes.Types)
        {
            using CpuBackend one = CpuBackend.Open(1, type), all = CpuBackend.Open(sizes.AllThreads, type);
            using StepBench onOne = new(options, one), onAll = new(options, all);
            double[][] times = Turns.Of(sizes.LongTurns, () => onOne.Step(), () => onAll.Step());
            table.Add(type.ToString(), Timing.Of(times[0]).Median, Timing.Of(times[1]).Median, Timing.Of(times[0].Zip(times[1], (a, b) => a / b)).Median);
        }
        return table;
    }
}
