using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>4 lanes in one 128-bit register.</summary>
public readonly unsafe struct F32x4(Vector128<float> value) : IVectorF32<F32x4>
{
    const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    readonly Vector128<float> _v = value;

    internal Vector128<float> Value => _v;

    public static int Count => 4;

    public static F32x4 Zero { [MethodImpl(Inline)] get => new(Vector128<float>.Zero); }

    [MethodImpl(Inline)] public static F32x4 Broadcast(float value) => new(Vector128.Create(value));
    [MethodImpl(Inline)] public static F32x4 Load(float* source) => new(Vector128.Load(source));
    [MethodImpl(Inline)] public static void Store(F32x4 value, float* destination) => value._v.Store(destination);

    [MethodImpl(Inline)] public static F32x4 operator +(F32x4 a, F32x4 b) => new(a._v + b._v);
    [MethodImpl(Inline)] public static F32x4 operator -(F32x4 a, F32x4 b) => new(a._v - b._v);
    [MethodImpl(Inline)] public static F32x4 operator *(F32x4 a, F32x4 b) => new(a._v * b._v);
    [MethodImpl(Inline)] public static F32x4 operator /(F32x4 a, F32x4 b) => new(a._v / b._v);

    [MethodImpl(Inline)]
    public static F32x4 MultiplyAdd(F32x4 a, F32x4 b, F32x4 c)
    {
        if (Fma.IsSupported) return new(Fma.MultiplyAdd(a._v, b._v, c._v));
        return AdvSimd.IsSupported ? new(AdvSimd.FusedMultiplyAdd(c._v, a._v, b._v)) : MultiplyAddInDouble(a, b, c);
    }

    /// <inheritdoc cref="F32x1.MultiplyAddInDouble"/>
    [MethodImpl(Inline)]
    internal static F32x4 MultiplyAddInDouble(F32x4 a, F32x4 b, F32x4 c)
    {
        Vector128<double> lower = Vector128.WidenLower(a._v) * Vector128.WidenLower(b._v) + Vector128.WidenLower(c._v);
        Vector128<double> upper = Vector128.WidenUpper(a._v) * Vector128.WidenUpper(b._v) + Vector128.WidenUpper(c._v);
        return new(Vector128.Narrow(lower, upper));
    }

    [MethodImpl(Inline)] public static F32x4 Max(F32x4 a, F32x4 b) => new(Vector128.Max(a._v, b._v));
    [MethodImpl(Inline)] public static F32x4 MaxNative(F32x4 a, F32x4 b) => new(Vector128.MaxNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x4 MinNative(F32x4 a, F32x4 b) => new(Vector128.MinNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x4 Magnitude(F32x4 a) => new(Vector128.Abs(a._v));
    [MethodImpl(Inline)] public static F32x4 MinusMagnitude(F32x4 a) => new(a._v | Vector128.Create(-0f));
    [MethodImpl(Inline)] public static F32x4 Sqrt(F32x4 a) => new(Vector128.Sqrt(a._v));

    [MethodImpl(Inline)]
    public static F32x4 TimesPowerOfTwo(F32x4 a, F32x4 n)
    {
        Vector128<int> exponent = Vector128.ConvertToInt32Native(n._v), half = exponent >> 1, bias = Vector128.Create(127);
        return new(a._v * ((half + bias) << 23).AsSingle() * ((exponent - half + bias) << 23).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x4 Exp(F32x4 a) => Exponential.Exp(a);

    [MethodImpl(Inline)]
    public static F32x4 MaxMagnitude(F32x4 magnitude, F32x4 a) => new(Vector128.Max(magnitude._v.AsInt32(), Vector128.Abs(a._v).AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static F32x4 SelectGreater(F32x4 a, F32x4 b, F32x4 whenGreater, F32x4 otherwise) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(a._v, b._v), whenGreater._v, otherwise._v));

    [MethodImpl(Inline)]
    public static float Sum(F32x4 a) => (a._v[0] + a._v[2]) + (a._v[1] + a._v[3]);

    [MethodImpl(Inline)]
    public static float MaxAcross(F32x4 a) => MathF.Max(MathF.Max(a._v[0], a._v[2]), MathF.Max(a._v[1], a._v[3]));

    [MethodImpl(Inline)]
    public static F32x4 DropoutFactor(uint key, uint firstCounter, uint threshold, float keepScale)
    {
        // Products of counters, without a vector's multiplication: those of the indices are a constant.
        Vector128<uint> first = Vector128.Create(firstCounter * CounterRng.Golden + key), k = Vector128.Create(key);
        Vector128<uint> draw = Mix(Mix(Vector128<uint>.Indices * CounterRng.Golden + first) ^ k);
        return Kept(draw, threshold, keepScale);
    }

    public static double SumOfSquares(float* source, int vectors)
    {
        Vector128<double> lower = Vector128<double>.Zero, upper = Vector128<double>.Zero;
        for (; vectors > 0; vectors--, source += 4)
        {
            var (low, high) = Vector128.Widen(Vector128.Load(source));
            lower += low * low;
            upper += high * high;
        }
        Vector128<double> sum = lower + upper;
        return sum[0] + sum[1];
    }

    /// <summary>keepScale where the draw reaches the threshold, else 0.</summary>
    [MethodImpl(Inline)]
    static F32x4 Kept(Vector128<uint> draw, uint threshold, float keepScale)
    {
        Vector128<float> isKept = Vector128.GreaterThanOrEqual(draw, Vector128.Create(threshold)).AsSingle();
        return new(Vector128.ConditionalSelect(isKept, Vector128.Create(keepScale), Vector128<float>.Zero));
    }

    [MethodImpl(Inline)]
    static Vector128<uint> Mix(Vector128<uint> x)
    {
        x ^= x >>> 16;
        x *= CounterRng.Multiplier1;
        x ^= x >>> 15;
        x *= CounterRng.Multiplier2;
        return x ^ (x >>> 16);
    }

    [MethodImpl(Inline)] public static F32x4 LowerBF16(F32x4 bits) => new((bits._v.AsInt32() << 16).AsSingle());

    [MethodImpl(Inline)]
    public static F32x4 UpperBF16(F32x4 bits) => new((bits._v.AsInt32() & Vector128.Create(unchecked((int)0xFFFF0000))).AsSingle());

    [MethodImpl(Inline)]
    public static F32x4 LoadBF16(ushort* source) =>
        new((Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16()) << 16).AsSingle());

    [MethodImpl(Inline)] public static F32x4 BroadcastBits(int bits) => new(Vector128.Create(bits).AsSingle());

    [MethodImpl(Inline)] public static F32x4 Nibbles(F32x4 bits) => new((bits._v.AsInt32() & Vector128.Create(0x0F0F0F0F)).AsSingle());
    [MethodImpl(Inline)] public static F32x4 NextNibbles(F32x4 bits) => new((bits._v.AsInt32() >>> 4).AsSingle());
    [MethodImpl(Inline)] public static F32x4 EvenBytes(F32x4 bits) => new((bits._v.AsInt32() & Vector128.Create(0x00FF00FF)).AsSingle());
    [MethodImpl(Inline)] public static F32x4 OddBytes(F32x4 bits) => new(((bits._v.AsInt32() >>> 8) & Vector128.Create(0x00FF00FF)).AsSingle());

    [MethodImpl(Inline)]
    public static void StoreLowBytes(F32x4 bits, sbyte* destination)
    {
        Vector128<short> pairs = Vector128.Narrow(bits._v.AsInt32(), bits._v.AsInt32());
        *(int*)destination = Vector128.Narrow(pairs, pairs).AsInt32().ToScalar();
    }

    [MethodImpl(Inline)]
    public static F32x4 MultiplyAddPairs(F32x4 a, F32x4 b, F32x4 sum)
    {
        Vector128<int> x = a._v.AsInt32(), y = b._v.AsInt32();
        Vector128<int> products = Sse2.IsSupported ? Sse2.MultiplyAddAdjacent(x.AsInt16(), y.AsInt16())
            : ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
        return new((sum._v.AsInt32() + products).AsSingle());
    }

    [MethodImpl(Inline)] public static F32x4 FromInt32(F32x4 bits) => new(Vector128.ConvertToSingle(bits._v.AsInt32()));

    [MethodImpl(Inline)]
    public static F32x4 DropoutFactors(F32x4 keys, uint counter, uint threshold, float keepScale)
    {
        Vector128<uint> k = keys._v.AsUInt32(), draw = Mix(Mix(k + Vector128.Create(counter * CounterRng.Golden)) ^ k);
        return Kept(draw, threshold, keepScale);
    }
}
