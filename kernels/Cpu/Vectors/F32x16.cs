using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>16 lanes in one 512-bit register.</summary>
public readonly unsafe struct F32x16(Vector512<float> value) : IVectorF32<F32x16>
{
    const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    readonly Vector512<float> _v = value;

    // 8 KiB: a sum of squares does little else, and the processor's own prefetch stops at the end of every page.
    const int SquaresAhead = 2048;

    public static int Count => 16;

    public static F32x16 Zero { [MethodImpl(Inline)] get => new(Vector512<float>.Zero); }

    [MethodImpl(Inline)] public static F32x16 Broadcast(float value) => new(Vector512.Create(value));
    [MethodImpl(Inline)] public static F32x16 Load(float* source) => new(Vector512.Load(source));
    [MethodImpl(Inline)] public static void Store(F32x16 value, float* destination) => value._v.Store(destination);

    [MethodImpl(Inline)] public static F32x16 operator +(F32x16 a, F32x16 b) => new(a._v + b._v);
    [MethodImpl(Inline)] public static F32x16 operator -(F32x16 a, F32x16 b) => new(a._v - b._v);
    [MethodImpl(Inline)] public static F32x16 operator *(F32x16 a, F32x16 b) => new(a._v * b._v);
    [MethodImpl(Inline)] public static F32x16 operator /(F32x16 a, F32x16 b) => new(a._v / b._v);

    [MethodImpl(Inline)]
    public static F32x16 MultiplyAdd(F32x16 a, F32x16 b, F32x16 c) =>
        Avx512F.IsSupported ? new(Avx512F.FusedMultiplyAdd(a._v, b._v, c._v)) : new(Vector512.Create(
            F32x8.MultiplyAdd(new(a._v.GetLower()), new(b._v.GetLower()), new(c._v.GetLower())).Value,
            F32x8.MultiplyAdd(new(a._v.GetUpper()), new(b._v.GetUpper()), new(c._v.GetUpper())).Value));

    [MethodImpl(Inline)] public static F32x16 Max(F32x16 a, F32x16 b) => new(Vector512.Max(a._v, b._v));
    [MethodImpl(Inline)] public static F32x16 MaxNative(F32x16 a, F32x16 b) => new(Vector512.MaxNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x16 MinNative(F32x16 a, F32x16 b) => new(Vector512.MinNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x16 Magnitude(F32x16 a) => new(Vector512.Abs(a._v));
    [MethodImpl(Inline)] public static F32x16 MinusMagnitude(F32x16 a) => new(a._v | Vector512.Create(-0f));
    [MethodImpl(Inline)] public static F32x16 Sqrt(F32x16 a) => new(Vector512.Sqrt(a._v));

    [MethodImpl(Inline)]
    public static F32x16 TimesPowerOfTwo(F32x16 a, F32x16 n)
    {
        if (Avx512F.IsSupported) return new(Avx512F.Scale(a._v, n._v));
        Vector512<int> exponent = Vector512.ConvertToInt32Native(n._v), half = exponent >> 1, bias = Vector512.Create(127);
        return new(a._v * ((half + bias) << 23).AsSingle() * ((exponent - half + bias) << 23).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x16 Exp(F32x16 a) => Exponential.Exp(a);

    [MethodImpl(Inline)]
    public static F32x16 MaxMagnitude(F32x16 magnitude, F32x16 a) => new(Vector512.Max(magnitude._v.AsInt32(), Vector512.Abs(a._v).AsInt32()).AsSingle());

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
        // Products of counters, without a vector's multiplication: those of the indices are a constant.
        Vector512<uint> first = Vector512.Create(firstCounter * CounterRng.Golden + key), k = Vector512.Create(key);
        Vector512<uint> draw = Mix(Mix(Vector512<uint>.Indices * CounterRng.Golden + first) ^ k);
        return Kept(draw, threshold, keepScale);
    }

    public static double SumOfSquares(float* source, int vectors)
    {
        Vector512<double> lower = Vector512<double>.Zero, upper = Vector512<double>.Zero;
        for (; vectors > 0; vectors--, source += 16)
        {
            if (Sse.IsSupported) Sse.Prefetch0(source + SquaresAhead);
            Vector512<double> low = Widen(source), high = Widen(source + 8);
            lower += low * low;
            upper += high * high;
        }
        Vector512<double> sum = lower + upper;
        Vector256<double> half = sum.GetLower() + sum.GetUpper();
        Vector128<double> quarter = half.GetLower() + half.GetUpper();
        return quarter[0] + quarter[1];
    }

    /// <summary>Eight numbers. Converted from memory they need no shuffle, which halves of a loaded vector do.</summary>
    [MethodImpl(Inline)]
    static Vector512<double> Widen(float* source) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Double(Vector256.Load(source))
        : Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe());

    /// <summary>keepScale where the draw reaches the threshold, else 0.</summary>
    [MethodImpl(Inline)]
    static F32x16 Kept(Vector512<uint> draw, uint threshold, float keepScale)
    {
        Vector512<float> isKept = Vector512.GreaterThanOrEqual(draw, Vector512.Create(threshold)).AsSingle();
        return new(Vector512.ConditionalSelect(isKept, Vector512.Create(keepScale), Vector512<float>.Zero));
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

    [MethodImpl(Inline)] public static F32x16 LowerBF16(F32x16 bits) => new((bits._v.AsInt32() << 16).AsSingle());

    [MethodImpl(Inline)]
    public static F32x16 UpperBF16(F32x16 bits) => new((bits._v.AsInt32() & Vector512.Create(unchecked((int)0xFFFF0000))).AsSingle());

    [MethodImpl(Inline)]
    public static F32x16 LoadBF16(ushort* source) =>
        new((Vector512.Create(Vector256.WidenLower(Vector256.Load(source)), Vector256.WidenUpper(Vector256.Load(source))) << 16).AsSingle());

    [MethodImpl(Inline)] public static F32x16 BroadcastBits(int bits) => new(Vector512.Create(bits).AsSingle());

    [MethodImpl(Inline)] public static F32x16 Nibbles(F32x16 bits) => new((bits._v.AsInt32() & Vector512.Create(0x0F0F0F0F)).AsSingle());
    [MethodImpl(Inline)] public static F32x16 NextNibbles(F32x16 bits) => new((bits._v.AsInt32() >>> 4).AsSingle());
    [MethodImpl(Inline)] public static F32x16 EvenBytes(F32x16 bits) => new((bits._v.AsInt32() & Vector512.Create(0x00FF00FF)).AsSingle());
    [MethodImpl(Inline)] public static F32x16 OddBytes(F32x16 bits) => new(((bits._v.AsInt32() >>> 8) & Vector512.Create(0x00FF00FF)).AsSingle());

    [MethodImpl(Inline)]
    public static void StoreLowBytes(F32x16 bits, sbyte* destination)
    {
        Vector256<short> pairs = Vector256.Narrow(bits._v.AsInt32().GetLower(), bits._v.AsInt32().GetUpper());
        (Avx512F.IsSupported ? Avx512F.ConvertToVector128SByte(bits._v.AsInt32()) : Vector128.Narrow(pairs.GetLower(), pairs.GetUpper())).Store(destination);
    }

    [MethodImpl(Inline)]
    public static F32x16 MultiplyAddPairs(F32x16 a, F32x16 b, F32x16 sum)
    {
        Vector512<int> x = a._v.AsInt32(), y = b._v.AsInt32();
        Vector512<int> products = Avx512BW.IsSupported ? Avx512BW.MultiplyAddAdjacent(x.AsInt16(), y.AsInt16())
            : ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
        return new((sum._v.AsInt32() + products).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x16 FromInt32(F32x16 bits) => new(Vector512.ConvertToSingle(bits._v.AsInt32()));

    [MethodImpl(Inline)]
    public static F32x16 DropoutFactors(F32x16 keys, uint counter, uint threshold, float keepScale)
    {
        Vector512<uint> k = keys._v.AsUInt32(), draw = Mix(Mix(k + Vector512.Create(counter * CounterRng.Golden)) ^ k);
        return Kept(draw, threshold, keepScale);
    }
}
