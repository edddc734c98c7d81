namespace DistillEngine.Kernels;

/// <summary>How a device multiplies.</summary>
sealed record MatMulSettings
{
    /// <summary>Operands of products with more than <see cref="MatMulGpu.MaxFewRows"/> rows.</summary>
    public ComputePrecision Precision { get; init; }

    /// <summary>Whether the device has the instructions that <see cref="MatMulTensorTile"/> needs.</summary>
    public bool HasTensorCores { get; init; }

    /// <summary>Chooses among tiles; null takes the largest that fills the device.</summary>
    public Tuner? Tuner { get; init; }

    /// <summary>Multiplies in place of own kernels; disposed with the backend.</summary>
    public Cublas? Cublas { get; init; }

    /// <summary>What this is in the names of backends and in tuning files: <c>f32</c>, <c>bf16</c>, <c>bf16-emulated</c>, <c>tf32</c>.</summary>
    public string Name => Precision switch
    {
        ComputePrecision.F32 => "f32",
        ComputePrecision.Tf32 => "tf32",
        _ => HasTensorCores ? "bf16" : "bf16-emulated",
    };
}
