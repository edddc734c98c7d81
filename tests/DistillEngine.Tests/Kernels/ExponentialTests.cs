using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public unsafe class ExponentialTests
{
    [Fact]
    public void Exp_OverItsRange_IsWithinTwoUnitsInTheLastPlaceAndTheSameAtEveryWidth()
    {
        const int Count = 1 << 16;
        var x = new float[Count];
        // From below the least denormal to above the greatest float32, denser around 0.
        for (int i = 0; i < Count; i++) x[i] = (i % 3 == 0 ? 1e-3f : 1) * (-104.5f + 194f * i / Count);
        float[] scalar = Exp<F32x1>(x);
        for (int i = 0; i < Count; i++)
        {
            double expected = Math.Exp(x[i]);
            if (expected > float.MaxValue) Assert.Equal(float.PositiveInfinity, scalar[i]);
            // A unit in the last place: 2⁻²³ of the power of two below, or the least denormal.
            else Assert.InRange(scalar[i] - expected, -2 * Unit(expected), 2 * Unit(expected));
        }
        Assert.Equal(scalar, Exp<F32x4>(x));
        Assert.Equal(scalar, Exp<F32x8>(x));
        Assert.Equal(scalar, Exp<F32x16>(x));
    }

    [Fact]
    public void Exp_OfSpecialValues_IsExact()
    {
        float[] x =
        [
            0, -0f, float.NegativeInfinity, float.PositiveInfinity, float.NaN, float.MinValue, float.MaxValue, float.Epsilon,
            -1000, 1000, -104, 89, 1e-8f, -1e-8f, float.NaN, 0,
        ];
        float[] expected =
        [
            1, 1, 0, float.PositiveInfinity, float.NaN, 0, float.PositiveInfinity, 1,
            0, float.PositiveInfinity, 0, float.PositiveInfinity, 1, 1, float.NaN, 1,
        ];
        Assert.Equal(expected, Exp<F32x1>(x));
        Assert.Equal(expected, Exp<F32x4>(x));
        Assert.Equal(expected, Exp<F32x8>(x));
        Assert.Equal(expected, Exp<F32x16>(x));
    }

    static double Unit(double value) => Math.Max(Math.ScaleB(1, Math.ILogB(value) - 23), float.Epsilon);

    static float[] Exp<TVector>(float[] x) where TVector : struct, IVectorF32<TVector>
    {
        var y = new float[x.Length];
        fixed (float* source = x, destination = y)
            for (int i = 0; i < x.Length; i += TVector.Count) TVector.Store(TVector.Exp(TVector.Load(source + i)), destination + i);
        return y;
    }
}
