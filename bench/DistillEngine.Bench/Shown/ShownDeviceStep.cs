using DistillEngine.Benchmarks;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Training steps on a device against its peaks, that of the same run and the vendor's.</summary>
static class ShownDeviceStep
{
    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable($"Training step of {sizes.Base} on the device, AdamW", "35 % of the dense bf16 peak",
            new("work", "work"), new("type", "type"), new("forwardMs", "forward, ms", "F2"), new("backwardMs", "backward, ms", "F2"),
            new("optimizerMs", "optimizer, ms", "F2"), new("stepMs", "step, ms", "F2"), new("tokensPerSecond", "tokens/s", "F0"),
            new("tflops", "TFLOP/s", "F2"), new("peakTflops", "peak, TFLOP/s", "F2"), new("share", "share", "P1"), new("statedTflops", "vendor's dense peak, TFLOP/s", "F1"),
            new("shareOfStated", "share", "P1"), new("limitMs", "limit, ms", "F2"), new("shareOfLimit", "share", "P1"));
        sizes.RequireDevice().Each(sizes.DeviceTypes, table, backend => Measure(table, backend, sizes));
        return table;
    }

    static void Measure(ShownTable table, GpuBackend backend, ShownSizes sizes)
    {
        PeakKind operands = PeakKinds.Of(backend.Precision);
        var options = new StepBenchOptions
        {
            Model = sizes.Base, Batch = sizes.DeviceBatch, Source = sizes.DeviceSource, Target = sizes.DeviceTarget, Operands = operands,
        };
        StepBenchResult result = Step(options, backend);
        // The buffers of the roofline come after the step's memory is freed.
        Roof roof = RooflineMeter.Measure(backend);
        double tflops = 1e-9 * result.ProductFlops / result.Step.Median, peak = 1e-3 * roof.Gflops(operands);
        double stated = 1e-3 * backend.StatedGflops(backend.Precision) ?? double.NaN;
        table.Add($"{options.Batch} × ({options.Source} → {options.Target})", $"{backend.Precision}", result.Forward.Median, result.Backward.Median,
            result.Optimizer.Median, result.Step.Median, result.TokensPerSecond, tflops, peak, tflops / peak, stated, tflops / stated,
            result.LimitMs(roof), result.ShareOfLimit(roof));
    }

    static StepBenchResult Step(StepBenchOptions options, GpuBackend backend)
    {
        using var bench = new StepBench(options, backend);
        return bench.Run(CancellationToken.None);
    }
}
