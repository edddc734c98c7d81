namespace DistillEngine.Kernels;

/// <summary>What matrix products of more than a few rows and inputs take their operands in. Sums, results, weights and every other op are float32
/// in all.</summary>
public enum ComputePrecision : byte
{
    F32,

    /// <summary>Operands rounded to bfloat16, to nearest and ties to even, as they are packed.</summary>
    Bf16,

    /// <summary>Operands rounded to tf32, float32 with 11 significant bits, to nearest and ties away from zero. Of tensor cores alone.</summary>
    Tf32,
}
