using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Sums are fused at every width, whether the processor can do that or not.</summary>
public unsafe class MultiplyAddTests
{
    const int Count = 1 << 16;

    [Fact]
    public void MultiplyAdd_AtEveryWidth_GivesTheBitsOfTheFusedOne()
    {
        float[] numbers = Numbers();
        float[] expected = Fused(numbers);
        Assert.Equal(expected, Run<F32x1>(numbers));
        Assert.Equal(expected, Run<F32x4>(numbers));
        Assert.Equal(expected, Run<F32x8>(numbers));
        Assert.Equal(expected, Run<F32x16>(numbers));
    }

    // What a processor without such an instruction runs.
    [Fact]
    public void MultiplyAddInDouble_OnRandomNumbers_GivesTheBitsOfTheFusedOne()
    {
        float[] numbers = Numbers();
        float[] expected = Fused(numbers), got = new float[Count];
        for (int i = 0; i < Count; i++) got[i] = F32x1.MultiplyAddInDouble(numbers[3 * i], numbers[3 * i + 1], numbers[3 * i + 2]);
        Assert.Equal(expected, got);
        fixed (float* to = got)
            for (int i = 0; i < Count; i += F32x4.Count)
                F32x4.Store(F32x4.MultiplyAddInDouble(Lanes<F32x4>(numbers, i, 0), Lanes<F32x4>(numbers, i, 1), Lanes<F32x4>(numbers, i, 2)), to + i);
        Assert.Equal(expected, got);
    }

    [Fact]
    public void MultiplyAddInDouble_WhereTheSumIsRoundedToTheMiddle_DiffersByAUnit()
    {
        // The product is 2⁻²⁴ − 2⁻⁷⁰, and half a unit of c is 2⁻²⁴: double keeps no such difference beside c.
        float a = MathF.ScaleB((1 << 23) + 1, -48), b = MathF.ScaleB((1 << 24) - 2, -23), c = 1 + MathF.ScaleB(1, -23);
        Assert.Equal(c, MathF.FusedMultiplyAdd(a, b, c));
        Assert.Equal(c + MathF.ScaleB(1, -23), F32x1.MultiplyAddInDouble(a, b, c));
    }

    [Fact]
    public void MultiplyAddInDouble_OfSpecialValues_IsThatOfTheFusedOne()
    {
        float[] values = [0, -0f, 1, -1, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN];
        foreach (float a in values)
            foreach (float b in values)
                foreach (float c in values)
                {
                    float expected = MathF.FusedMultiplyAdd(a, b, c), got = F32x1.MultiplyAddInDouble(a, b, c);
                    Assert.True(float.IsNaN(expected) ? float.IsNaN(got) : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(got),
                        $"{a} · {b} + {c}: {got}, expected {expected}");
                }
    }

    /// <summary>Triples; of half of them the sum cancels most digits.</summary>
    static float[] Numbers()
    {
        var random = new Random(17);
        var numbers = new float[3 * Count];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-8, 8)));
        for (int i = 0; i < Count; i += 2) numbers[3 * i + 2] = -numbers[3 * i] * numbers[3 * i + 1] * (1 + (float)random.NextDouble() / (1 << 16));
        return numbers;
    }

    static float[] Fused(float[] numbers)
    {
        var sums = new float[Count];
        for (int i = 0; i < Count; i++) sums[i] = MathF.FusedMultiplyAdd(numbers[3 * i], numbers[3 * i + 1], numbers[3 * i + 2]);
        return sums;
    }

    static float[] Run<TVector>(float[] numbers) where TVector : struct, IVectorF32<TVector>
    {
        var sums = new float[Count];
        fixed (float* to = sums)
            for (int i = 0; i < Count; i += TVector.Count)
                TVector.Store(TVector.MultiplyAdd(Lanes<TVector>(numbers, i, 0), Lanes<TVector>(numbers, i, 1), Lanes<TVector>(numbers, i, 2)), to + i);
        return sums;
    }

    static TVector Lanes<TVector>(float[] numbers, int first, int which) where TVector : struct, IVectorF32<TVector>
    {
        float* lanes = stackalloc float[TVector.Count];
        for (int lane = 0; lane < TVector.Count; lane++) lanes[lane] = numbers[3 * (first + lane) + which];
        return TVector.Load(lanes);
    }
}
