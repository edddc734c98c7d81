using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>8 lanes in one 256-bit register.</summary>
public readonly unsafe struct F32x8(Vector256<float> value) : IVectorF32<F32x8>
{
    const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    readonly Vector256<float> _v = value;

    internal Vector256<float> Value => _v;

    public static int Count => 8;

    public static F32x8 Zero { [MethodImpl(Inline)] get => new(Vector256<float>.Zero); }

    [MethodImpl(Inline)] public static F32x8 Broadcast(float value) => new(Vector256.Create(value));
    [MethodImpl(Inline)] public static F32x8 Load(float* source) => new(Vector256.Load(source));
    [MethodImpl(Inline)] public static void Store(F32x8 value, float* destination) => value._v.Store(destination);

    [MethodImpl(Inline)] public static F32x8 operator +(F32x8 a, F32x8 b) => new(a._v + b._v);
    [MethodImpl(Inline)] public static F32x8 operator -(F32x8 a, F32x8 b) => new(a._v - b._v);
    [MethodImpl(Inline)] public static F32x8 operator *(F32x8 a, F32x8 b) => new(a._v * b._v);
    [MethodImpl(Inline)] public static F32x8 operator /(F32x8 a, F32x8 b) => new(a._v / b._v);

    [MethodImpl(Inline)]
    public static F32x8 MultiplyAdd(F32x8 a, F32x8 b, F32x8 c) =>
        Fma.IsSupported ? new(Fma.MultiplyAdd(a._v, b._v, c._v)) : new(Vector256.Create(
            F32x4.MultiplyAdd(new(a._v.GetLower()), new(b._v.GetLower()), new(c._v.GetLower())).Value,
            F32x4.MultiplyAdd(new(a._v.GetUpper()), new(b._v.GetUpper()), new(c._v.GetUpper())).Value));

    [MethodImpl(Inline)] public static F32x8 Max(F32x8 a, F32x8 b) => new(Vector256.Max(a._v, b._v));
    [MethodImpl(Inline)] public static F32x8 MaxNative(F32x8 a, F32x8 b) => new(Vector256.MaxNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x8 MinNative(F32x8 a, F32x8 b) => new(Vector256.MinNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x8 Magnitude(F32x8 a) => new(Vector256.Abs(a._v));
    [MethodImpl(Inline)] public static F32x8 MinusMagnitude(F32x8 a) => new(a._v | Vector256.Create(-0f));
    [MethodImpl(Inline)] public static F32x8 Sqrt(F32x8 a) => new(Vector256.Sqrt(a._v));

    [MethodImpl(Inline)]
    public static F32x8 TimesPowerOfTwo(F32x8 a, F32x8 n)
    {
        Vector256<int> exponent = Vector256.ConvertToInt32Native(n._v), half = exponent >> 1, bias = Vector256.Create(127);
        return new(a._v * ((half + bias) << 23).AsSingle() * ((exponent - half + bias) << 23).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x8 Exp(F32x8 a) => Exponential.Exp(a);

    [MethodImpl(Inline)]
    public static F32x8 MaxMagnitude(F32x8 magnitude, F32x8 a) => new(Vector256.Max(magnitude._v.AsInt32(), Vector256.Abs(a._v).AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static F32x8 SelectGreater(F32x8 a, F32x8 b, F32x8 whenGreater, F32x8 otherwise) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a._v, b._v), whenGreater._v, otherwise._v));

    [MethodImpl(Inline)]
    public static float Sum(F32x8 a) => F32x4.Sum(new F32x4(a._v.GetLower() + a._v.GetUpper()));

    [MethodImpl(Inline)]
    public static float MaxAcross(F32x8 a) => F32x4.MaxAcross(new F32x4(Vector128.Max(a._v.GetLower(), a._v.GetUpper())));

    [MethodImpl(Inline)]
    public static F32x8 DropoutFactor(uint key, uint firstCounter, uint threshold, float keepScale)
    {
        // Products of counters, without a vector's multiplication: those of the indices are a constant.
        Vector256<uint> first = Vector256.Create(firstCounter * CounterRng.Golden + key), k = Vector256.Create(key);
        Vector256<uint> draw = Mix(Mix(Vector256<uint>.Indices * CounterRng.Golden + first) ^ k);
        return Kept(draw, threshold, keepScale);
    }

    public static double SumOfSquares(float* source, int vectors)
    {
        Vector256<double> lower = Vector256<double>.Zero, upper = Vector256<double>.Zero;
        for (; vectors > 0; vectors--, source += 8)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(source));
            lower += low * low;
            upper += high * high;
        }
        Vector256<double> sum = lower + upper;
        Vector128<double> half = sum.GetLower() + sum.GetUpper();
        return half[0] + half[1];
    }

    /// <summary>keepScale where the draw reaches the threshold, else 0.</summary>
    [MethodImpl(Inline)]
    static F32x8 Kept(Vector256<uint> draw, uint threshold, float keepScale)
    {
        Vector256<float> isKept = Vector256.GreaterThanOrEqual(draw, Vector256.Create(threshold)).AsSingle();
        return new(Vector256.ConditionalSelect(isKept, Vector256.Create(keepScale), Vector256<float>.Zero));
    }

    [MethodImpl(Inline)]
    static Vector256<uint> Mix(Vector256<uint> x)
    {
        x ^= x >>> 16;
        x *= CounterRng.Multiplier1;
        x ^= x >>> 15;
        x *= CounterRng.Multiplier2;
        return x ^ (x >>> 16);
    }

    [MethodImpl(Inline)] public static F32x8 LowerBF16(F32x8 bits) => new((bits._v.AsInt32() << 16).AsSingle());

    [MethodImpl(Inline)]
    public static F32x8 UpperBF16(F32x8 bits) => new((bits._v.AsInt32() & Vector256.Create(unchecked((int)0xFFFF0000))).AsSingle());

    [MethodImpl(Inline)]
    public static F32x8 LoadBF16(ushort* source) =>
        new((Vector256.Create(Vector128.WidenLower(Vector128.Load(source)), Vector128.WidenUpper(Vector128.Load(source))) << 16).AsSingle());

    [MethodImpl(Inline)] public static F32x8 BroadcastBits(int bits) => new(Vector256.Create(bits).AsSingle());

    [MethodImpl(Inline)] public static F32x8 Nibbles(F32x8 bits) => new((bits._v.AsInt32() & Vector256.Create(0x0F0F0F0F)).AsSingle());
    [MethodImpl(Inline)] public static F32x8 NextNibbles(F32x8 bits) => new((bits._v.AsInt32() >>> 4).AsSingle());
    [MethodImpl(Inline)] public static F32x8 EvenBytes(F32x8 bits) => new((bits._v.AsInt32() & Vector256.Create(0x00FF00FF)).AsSingle());
    [MethodImpl(Inline)] public static F32x8 OddBytes(F32x8 bits) => new(((bits._v.AsInt32() >>> 8) & Vector256.Create(0x00FF00FF)).AsSingle());

    [MethodImpl(Inline)]
    public static void StoreLowBytes(F32x8 bits, sbyte* destination)
    {
        Vector128<short> pairs = Vector128.Narrow(bits._v.AsInt32().GetLower(), bits._v.AsInt32().GetUpper());
        *(long*)destination = Vector128.Narrow(pairs, pairs).AsInt64().ToScalar();
    }

    [MethodImpl(Inline)]
    public static F32x8 MultiplyAddPairs(F32x8 a, F32x8 b, F32x8 sum)
    {
        Vector256<int> x = a._v.AsInt32(), y = b._v.AsInt32();
        Vector256<int> products = Avx2.IsSupported ? Avx2.MultiplyAddAdjacent(x.AsInt16(), y.AsInt16())
            : ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
        return new((sum._v.AsInt32() + products).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x8 FromInt32(F32x8 bits) => new(Vector256.ConvertToSingle(bits._v.AsInt32()));

    [MethodImpl(Inline)]
    public static F32x8 DropoutFactors(F32x8 keys, uint counter, uint threshold, float keepScale)
    {
        Vector256<uint> k = keys._v.AsUInt32(), draw = Mix(Mix(k + Vector256.Create(counter * CounterRng.Golden)) ^ k);
        return Kept(draw, threshold, keepScale);
    }
}
