using DistillEngine.Core;

namespace DistillEngine.Benchmarks;

/// <summary>What a processor or another device reached: the limits that every share is a share of.</summary>
/// <param name="Threads">Compute threads that were measured together; 0 on another device.</param>
/// <param name="Fp32Gflops">10⁹ float32 operations a second from registers; a fused multiply-add counts two.</param>
/// <param name="Bf16Gflops">Of bf16 products into float32, or null where the chosen kernels or the device have no instruction for them.</param>
/// <param name="Int8Gops">Of int8 dot products into int32, or null likewise.</param>
/// <param name="ReadGBs">10⁹ bytes a second read in one stream a thread, from memory.</param>
/// <param name="CopyGBs">10⁹ bytes a second copied in one stream a thread; each byte counts twice, read and written.</param>
public sealed record Roof(int Threads, double Fp32Gflops, double? Bf16Gflops, double? Int8Gops, double ReadGBs, double CopyGBs)
{
    /// <summary>Name of a device beside the processor; null where the threads of the processor were measured.</summary>
    public string? Device { get; init; }

    /// <summary>Of tf32 products into float32 on tensor cores; null where there are none.</summary>
    public double? Tf32Gflops { get; init; }

    /// <summary>What was measured, in words.</summary>
    public string Where => Device ?? $"{Threads} threads";

    /// <summary>Peak of products whose operands have this type. Where a type has no instructions, or only slower ones, its operands are widened: the
    /// peak of float32 stands for theirs.</summary>
    public double Gflops(PeakKind operands) => operands switch
    {
        PeakKind.Bf16 => Math.Max(Bf16Gflops ?? 0, Fp32Gflops),
        PeakKind.Int8 => Int8Gops ?? Fp32Gflops,
        PeakKind.Tf32 => Tf32Gflops ?? Fp32Gflops,
        _ => Fp32Gflops,
    };

    /// <summary>The least time of some work: its arithmetic at the peak or its traffic at the read bandwidth, whichever takes longer.</summary>
    public double Seconds(Cost work, PeakKind operands = PeakKind.Fp32) =>
        Math.Max(work.Flops / (Gflops(operands) * 1e9), work.Bytes / (ReadGBs * 1e9));

    /// <summary>The same for products of several types, one after the other.</summary>
    public double Seconds(ProductWork work)
    {
        double arithmetic = work.Fp32Flops / Fp32Gflops + work.Bf16Flops / Gflops(PeakKind.Bf16) + work.Int8Flops / Gflops(PeakKind.Int8);
        return 1e-9 * Math.Max(arithmetic, work.Bytes / ReadGBs);
    }
}
