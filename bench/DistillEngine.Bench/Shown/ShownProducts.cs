using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Forward products in turns with the peak loop of their operands.</summary>
static unsafe class ShownProducts
{
    const int SpreadingRuns = 10;

    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Products", "92 % of the peak in fp32, 88 % in bf16",
            new("type", "type"), new("threads", "threads"), new("shape", "rows × inputs × outputs"), new("ms", "median, ms", "F3"),
            new("gflops", "GFLOP/s"), new("peakGflops", "peak, GFLOP/s"), new("share", "share", "P1"),
            new("shareOfTurns", "of the peak beside it, median of the turns", "P1"));
        foreach (int threads in sizes.Threads)
            foreach (ComputePrecision type in sizes.Types)
            {
                using var backend = CpuBackend.Open(threads, type);
                using var pool = new ComputePool(threads);
                SpreadThreads(backend, sizes);
                foreach (var (rows, inputs, outputs) in sizes.Products) Measure(table, backend, pool, rows, inputs, outputs, sizes.ShortTurns);
            }
        return table;
    }

    /// <summary>Threads that begin on one processor are moved apart by the system only when they compute for a while: of short products alone the
    /// first ones would run one part after the other.</summary>
    static void SpreadThreads(CpuBackend backend, ShownSizes sizes)
    {
        var (rows, inputs, outputs) = sizes.Products.MaxBy(shape => MatMul.ForwardCost(shape.Rows, shape.Inputs, shape.Outputs).Flops);
        using var tensors = new ShownTensors(backend);
        Tensor x = tensors.Random("x", new(rows, inputs)), y = tensors.Random("y", new(rows, outputs));
        var w = new Weight(tensors.Random("w", new(outputs, inputs)));
        for (int run = 0; run < SpreadingRuns; run++) backend.Kernels.MatMul.Forward(x, w, Into.Overwrite, y);
    }

    static void Measure(ShownTable table, CpuBackend backend, ComputePool pool, int rows, int inputs, int outputs, int turns)
    {
        using var tensors = new ShownTensors(backend);
        Tensor x = tensors.Random("x", new(rows, inputs)), y = tensors.Random("y", new(rows, outputs));
        var w = new Weight(tensors.Random("w", new(outputs, inputs)));
        PeakLoop peak = PeakOf(backend.Precision);
        double[][] times = Turns.Of(turns, () => backend.Kernels.MatMul.Forward(x, w, Into.Overwrite, y), () => pool.Run(pool.ThreadCount, peak.Body, peak.Context));
        double median = Timing.Of(times[0]).Median, gflops = 1e-6 * MatMul.ForwardCost(rows, inputs, outputs).Flops / median;
        // A limit is what was reached once.
        double limit = 1e-6 * peak.Operations * pool.ThreadCount / Timing.Of(times[1]).Min;
        // Where other machines compute on the same cores, the peak of a moment is often two thirds of it.
        double operations = peak.Operations * (double)pool.ThreadCount, flops = MatMul.ForwardCost(rows, inputs, outputs).Flops;
        double shareOfTurns = Timing.Of(times[0].Zip(times[1], (product, loop) => flops / product / (operations / loop))).Median;
        table.Add(backend.Precision.ToString(), pool.ThreadCount, $"{rows} × {inputs} × {outputs}", median, gflops, limit, gflops / limit, shareOfTurns);
    }

    /// <summary>Without dot products of bf16, or with slow ones, operands are rounded and multiplied as float32.</summary>
    static PeakLoop PeakOf(ComputePrecision operands)
    {
        CpuIsa isa = CpuIsas.Choose();
        PeakLoop? bf16 = operands == ComputePrecision.Bf16 && CpuIsas.HasBf16(isa) ? PeakLoops.Find(PeakKind.Bf16, isa) : null;
        return bf16 ?? PeakLoops.Find(PeakKind.Fp32, isa)!.Value;
    }
}
