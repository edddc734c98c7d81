namespace DistillEngine.Kernels;

/// <summary>What the CPU kernels are made for, plainest first: the widths that the runtime compiles portable kernels in, and the instruction
/// sets that matrix products are emitted for as machine code.</summary>
public enum CpuIsa : byte
{
    Scalar,
    Vector128,
    Vector256,
    Vector512,

    /// <summary>Emitted products for AVX2 and FMA; those with int8 and int4 weights for AVX-VNNI where the processor has it.</summary>
    Avx2,

    /// <summary>Emitted products for AVX-512 (F, BW, DQ, VL), and for int8 and int4 weights where the processor has VNNI as well, else
    /// those of <see cref="Avx2"/>.</summary>
    Avx512,

    /// <summary>The same, and AVX-512-BF16 for products with operands in <see cref="ComputePrecision.Bf16"/> or weights in bfloat16; float32
    /// ones are those of <see cref="Avx512"/>.</summary>
    Avx512Bf16,
}
