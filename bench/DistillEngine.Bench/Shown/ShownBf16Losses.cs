using DistillEngine.Kernels;
using DistillEngine.Verification;

namespace DistillEngine.Bench.Shown;

/// <summary>How far training with bfloat16 products strays from recorded training in float32: every recorded run of the golden folders, made again in both
/// types.</summary>
static class ShownBf16Losses
{
    public static ShownTable Run(ShownSizes sizes)
    {
        var table = new ShownTable("Losses of recorded training runs", "within 2e-2 in bf16", new("case", "case"),
            new("run", "run"), new("fp32", "fp32, greatest difference", "0.0e-0"), new("fp32Where", "where"), new("bf16", "bf16, greatest difference", "0.0e-0"),
            new("bf16Where", "where"));
        foreach (string folder in sizes.Goldens)
        {
            LossDifference[] exact = Losses(folder, sizes.AllThreads, ComputePrecision.F32), rounded = Losses(folder, sizes.AllThreads, ComputePrecision.Bf16);
            if (exact.Length == 0) table.Note($"{folder} holds no training run");
            foreach (var (fp32, bf16) in exact.Zip(rounded)) table.Add(fp32.Case, fp32.Run, fp32.Error, fp32.Where, bf16.Error, bf16.Where);
        }
        return table;
    }

    static LossDifference[] Losses(string folder, int threads, ComputePrecision precision)
    {
        using CpuBackend backend = CpuBackend.Open(threads, precision);
        return [.. RecordedLosses.Of(folder, backend, CancellationToken.None)];
    }
}
