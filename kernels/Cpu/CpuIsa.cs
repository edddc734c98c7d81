namespace DistillEngine.Kernels;

/// <summary>What the CPU kernels are made for, plainest first: the widths that the runtime compiles portable kernels in, and the instruction
/// sets that matrix products are emitted for as machine code.</summary>
public enum CpuIsa : byte
{
    Scalar,
    Vector128,
    Vector256,
    Vector512,

    /// <summary>Emitted products for AVX2 and FMA.</summary>
    Avx2,

    /// <summary>Emitted products for AVX-512 (F, BW, DQ, VL).</summary>
    Avx512,

    /// <summary>The same, and bfloat16 products.</summary>
    Avx512Bf16,
}
