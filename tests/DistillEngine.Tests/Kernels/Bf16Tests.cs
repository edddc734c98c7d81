using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public unsafe class Bf16Tests
{
    /// <summary>Each as bits of float32, and the bfloat16 nearest to it.</summary>
    static readonly (uint Bits, uint Expected)[] Cases =
    [
        (0x0000_0000, 0x0000), (0x8000_0000, 0x8000), (0x3F80_0000, 0x3F80), (0xBF80_0000, 0xBF80),
        (0x3F80_7FFF, 0x3F80), (0x3F80_8000, 0x3F80), (0x3F80_8001, 0x3F81), (0x3F81_8000, 0x3F82), (0xBF81_8000, 0xBF82), // Ties go to even.
        (0x3FFF_8000, 0x4000), (0x7F7F_7FFF, 0x7F7F), (0x7F7F_8000, 0x7F80), // Carries reach the exponent, and infinity.
        (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80), (0x0000_8001, 0x0001),
    ];

    [Fact]
    public void Round_OnTiesAndLimits_TakesTheNearestAndThenTheEvenOne()
    {
        foreach (var (bits, expected) in Cases) Assert.Equal(expected, Bf16.Round(BitConverter.UInt32BitsToSingle(bits)) >> 16);
    }

    [Fact]
    public void RoundInPlace_OnVectorsAndTails_EqualsTheRoundingOfEachNumber()
    {
        for (int count = 0; count < 20; count++)
        {
            float[] values = [.. Enumerable.Range(0, count + 1).Select(i => BitConverter.UInt32BitsToSingle(Cases[i % Cases.Length].Bits))];
            fixed (float* first = values) Bf16.RoundInPlace(first, count);
            for (int i = 0; i < count; i++) Assert.Equal(Cases[i % Cases.Length].Expected << 16, BitConverter.SingleToUInt32Bits(values[i]));
            Assert.Equal(Cases[count % Cases.Length].Bits, BitConverter.SingleToUInt32Bits(values[count]));
        }
    }

    [Theory]
    [InlineData(0x7F80_0001)]
    [InlineData(0x7FFF_FFFF)]
    [InlineData(0xFF80_0001)]
    [InlineData(0xFFFF_FFFF)]
    public void RoundAndWord_OnWhatIsNoNumber_StayNone(uint bits)
    {
        float[] values = [.. Enumerable.Repeat(BitConverter.UInt32BitsToSingle(bits), 9)];
        fixed (float* first = values) Bf16.RoundInPlace(first, values.Length);
        Assert.All(values, value => Assert.True(float.IsNaN(value)));
    }
}
