using DistillEngine.Benchmarks;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Training steps against the limit of the same run, as <c>distill bench step</c> measures them.</summary>
static class ShownSteps
{
    public static ShownTable Small(ShownSizes sizes) => Run(sizes, sizes.Small, "1,630 MB resident, 1,805 step by step");

    public static ShownTable Base(ShownSizes sizes) => Run(sizes, sizes.Base, "4,560 MB resident, 5,060 step by step");

    static ShownTable Run(ShownSizes sizes, string model, string mostMemory)
    {
        var table = new ShownTable($"Training step of {model}, AdamW", $"85 % of the limit in fp32, 70 % in bf16; at most {mostMemory}",
            new("work", "work"), new("type", "type"), new("forwardMs", "forward, ms"), new("backwardMs", "backward, ms"), new("optimizerMs", "optimizer, ms"),
            new("stepMs", "step, ms"), new("readGbs", "read, GB/s"), new("limitMs", "limit, ms"), new("shareOfLimit", "share", "P1"), new("peakRssMb", "resident, MB", "F0"));
        foreach (bool stepByStep in (bool[])[false, true])
            foreach (ComputePrecision type in sizes.Types)
            {
                var options = new StepBenchOptions
                {
                    Model = model, Batch = sizes.Batch, Source = sizes.Source, Target = sizes.Target, StepByStep = stepByStep,
                    Operands = PeakKinds.Of(type),
                };
                bool isMeasured = double.IsFinite(ResidentMemory.Begin());
                StepBenchResult result = Measure(options, sizes.AllThreads, type);
                // The buffers of the roofline come after the step's memory is read and freed.
                Roof roof = result.Conditions.Limits(sizes.Roof(sizes.AllThreads));
                string work = stepByStep
                    ? $"{options.Batch} × ({options.Source} → {StepBenchOptions.LabelLength}) and {options.Batch} × ({options.Source} → {StepBenchOptions.RationaleLength})"
                    : $"{options.Batch} × ({options.Source} → {options.Target})";
                table.Add(work, type.ToString(), result.Forward.Median, result.Backward.Median, result.Optimizer.Median, result.Step.Median,
                    roof.ReadGBs, result.LimitMs(roof), result.ShareOfLimit(roof), isMeasured ? result.Conditions.PeakRssMb : double.NaN);
            }
        return table;
    }

    static StepBenchResult Measure(StepBenchOptions options, int threads, ComputePrecision type)
    {
        using CpuBackend backend = CpuBackend.Open(threads, type);
        using var bench = new StepBench(options, backend);
        return bench.Run(CancellationToken.None);
    }
}
