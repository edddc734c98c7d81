namespace DistillEngine.Benchmarks;

/// <summary>Matrix products by the type of their operands, and the memory that they must read.</summary>
/// <param name="Fp32Flops">A multiply-add counts two, here and below.</param>
/// <param name="Bytes">Read from memory.</param>
public readonly record struct ProductWork(long Fp32Flops, long Bf16Flops, long Int8Flops, long Bytes)
{
    public long Flops => Fp32Flops + Bf16Flops + Int8Flops;
}
