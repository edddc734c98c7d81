namespace DistillEngine.Benchmarks;

/// <summary>Arithmetic whose peak is measured.</summary>
public enum PeakKind : byte
{
    /// <summary>Fused multiply-add in float32.</summary>
    Fp32,

    /// <summary>Dot products of bf16 pairs, or tensor cores' products of bf16 matrices, summed in float32.</summary>
    Bf16,

    /// <summary>Dot products of int8 quadruples, summed in int32.</summary>
    Int8,

    /// <summary>Tensor cores' products of tf32 matrices, summed in float32.</summary>
    Tf32,
}
