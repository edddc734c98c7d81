using DistillEngine.Kernels;

namespace DistillEngine.Benchmarks;

/// <summary>Which arithmetic a precision takes.</summary>
public static class PeakKinds
{
    public static PeakKind Of(ComputePrecision operands) => operands switch
    {
        ComputePrecision.Bf16 => PeakKind.Bf16,
        ComputePrecision.Tf32 => PeakKind.Tf32,
        _ => PeakKind.Fp32,
    };
}
