using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>16 lanes in one 512-bit register.</summary>
public readonly unsafe struct F32x16(Vector512<float> value) : IVectorF32<F32x16>
{
    const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    readonly Vector512<float> _v = value;

    public static int Count => 16;

    public static F32x16 Zero { [MethodImpl(Inline)] get => new(Vector512<float>.Zero); }

    [MethodImpl(Inline)] public static F32x16 Broadcast(float value) => new(Vector512.Create(value));
    [MethodImpl(Inline)] public static F32x16 Load(float* source) => new(Vector512.Load(source));
    [MethodImpl(Inline)] public static void Store(F32x16 value, float* destination) => value._v.Store(destination);

    [MethodImpl(Inline)] public static F32x16 operator +(F32x16 a, F32x16 b) => new(a._v + b._v);
    [MethodImpl(Inline)] public static F32x16 operator -(F32x16 a, F32x16 b) => new(a._v - b._v);
    [MethodImpl(Inline)] public static F32x16 operator *(F32x16 a, F32x16 b) => new(a._v * b._v);
    [MethodImpl(Inline)] public static F32x16 operator /(F32x16 a, F32x16 b) => new(a._v / b._v);

    [MethodImpl(Inline)] public static F32x16 MultiplyAdd(F32x16 a, F32x16 b, F32x16 c) => new(Vector512.MultiplyAddEstimate(a._v, b._v, c._v));
    [MethodImpl(Inline)] public static F32x16 Max(F32x16 a, F32x16 b) => new(Vector512.Max(a._v, b._v));
    [MethodImpl(Inline)] public static F32x16 Min(F32x16 a, F32x16 b) => new(Vector512.Min(a._v, b._v));
    [MethodImpl(Inline)] public static F32x16 Sqrt(F32x16 a) => new(Vector512.Sqrt(a._v));

    [MethodImpl(Inline)]
    public static F32x16 TimesPowerOfTwo(F32x16 a, F32x16 n)
    {
        Vector512<int> exponent = Vector512.ConvertToInt32Native(n._v), half = exponent >> 1, bias = Vector512.Create(127);
        return new(a._v * ((half + bias) << 23).AsSingle() * ((exponent - half + bias) << 23).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x16 Exp(F32x16 a) => Exponential.Exp(a);

    [MethodImpl(Inline)]
    public static F32x16 SelectGreater(F32x16 a, F32x16 b, F32x16 whenGreater, F32x16 otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a._v, b._v), whenGreater._v, otherwise._v));

    [MethodImpl(Inline)]
    public static float Sum(F32x16 a) => F32x8.Sum(new F32x8(a._v.GetLower() + a._v.GetUpper()));

    [MethodImpl(Inline)]
    public static float MaxAcross(F32x16 a) => F32x8.MaxAcross(new F32x8(Vector256.Max(a._v.GetLower(), a._v.GetUpper())));

    [MethodImpl(Inline)]
    public static F32x16 DropoutFactor(uint key, uint firstCounter, uint threshold, float keepScale)
    {
        Vector512<uint> counter = Vector512.Create(firstCounter) + Vector512<uint>.Indices;
        Vector512<uint> k = Vector512.Create(key);
        Vector512<uint> draw = Mix(Mix(counter * CounterRng.Golden + k) ^ k);
        return new(Vector512.AndNot(Vector512.Create(keepScale), Vector512.LessThan(draw, Vector512.Create(threshold)).AsSingle()));
    }

    public static double SumOfSquares(float* source, int vectors)
    {
        Vector512<double> lower = Vector512<double>.Zero, upper = Vector512<double>.Zero;
        for (; vectors > 0; vectors--, source += 16)
        {
            var (low, high) = Vector512.Widen(Vector512.Load(source));
            lower += low * low;
            upper += high * high;
        }
        Vector512<double> sum = lower + upper;
        Vector256<double> half = sum.GetLower() + sum.GetUpper();
        Vector128<double> quarter = half.GetLower() + half.GetUpper();
        return quarter[0] + quarter[1];
    }

    [MethodImpl(Inline)]
    static Vector512<uint> Mix(Vector512<uint> x)
    {
        x ^= x >>> 16;
        x *= CounterRng.Multiplier1;
        x ^= x >>> 15;
        x *= CounterRng.Multiplier2;
        return x ^ (x >>> 16);
    }
}
