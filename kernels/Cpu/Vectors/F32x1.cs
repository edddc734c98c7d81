using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>One lane: the scalar instruction set, and the tail of every wider one.</summary>
public readonly unsafe struct F32x1(float value) : IVectorF32<F32x1>
{
    const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    readonly float _v = value;

    public static int Count => 1;

    public static F32x1 Zero => default;

    [MethodImpl(Inline)] public static F32x1 Broadcast(float value) => new(value);
    [MethodImpl(Inline)] public static F32x1 Load(float* source) => new(*source);
    [MethodImpl(Inline)] public static void Store(F32x1 value, float* destination) => *destination = value._v;

    [MethodImpl(Inline)] public static F32x1 operator +(F32x1 a, F32x1 b) => new(a._v + b._v);
    [MethodImpl(Inline)] public static F32x1 operator -(F32x1 a, F32x1 b) => new(a._v - b._v);
    [MethodImpl(Inline)] public static F32x1 operator *(F32x1 a, F32x1 b) => new(a._v * b._v);
    [MethodImpl(Inline)] public static F32x1 operator /(F32x1 a, F32x1 b) => new(a._v / b._v);

    [MethodImpl(Inline)] public static F32x1 MultiplyAdd(F32x1 a, F32x1 b, F32x1 c) => new(MultiplyAdd(a._v, b._v, c._v));
    [MethodImpl(Inline)] public static F32x1 Max(F32x1 a, F32x1 b) => new(MathF.Max(a._v, b._v));
    [MethodImpl(Inline)] public static F32x1 MaxNative(F32x1 a, F32x1 b) => new(float.MaxNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x1 MinNative(F32x1 a, F32x1 b) => new(float.MinNative(a._v, b._v));
    [MethodImpl(Inline)] public static F32x1 Magnitude(F32x1 a) => new(MathF.Abs(a._v));
    [MethodImpl(Inline)] public static F32x1 MinusMagnitude(F32x1 a) => new(-MathF.Abs(a._v));
    [MethodImpl(Inline)] public static F32x1 Sqrt(F32x1 a) => new(MathF.Sqrt(a._v));

    [MethodImpl(Inline)]
    public static F32x1 TimesPowerOfTwo(F32x1 a, F32x1 n)
    {
        int exponent = (int)n._v, half = exponent >> 1;
        float first = BitConverter.Int32BitsToSingle((half + 127) << 23);
        float second = BitConverter.Int32BitsToSingle((exponent - half + 127) << 23);
        return new(a._v * first * second);
    }

    [MethodImpl(Inline)] public static F32x1 Exp(F32x1 a) => Exponential.Exp(a);

    [MethodImpl(Inline)]
    public static F32x1 MaxMagnitude(F32x1 magnitude, F32x1 a) => BroadcastBits(Math.Max(magnitude.Bits, a.Bits & int.MaxValue));

    [MethodImpl(Inline)]
    public static F32x1 SelectGreater(F32x1 a, F32x1 b, F32x1 whenGreater, F32x1 otherwise) => a._v > b._v ? whenGreater : otherwise;

    [MethodImpl(Inline)] public static float Sum(F32x1 a) => a._v;
    [MethodImpl(Inline)] public static float MaxAcross(F32x1 a) => a._v;

    [MethodImpl(Inline)]
    public static F32x1 DropoutFactor(uint key, uint firstCounter, uint threshold, float keepScale) =>
        new(CounterRng.Draw(key, firstCounter) < threshold ? 0 : keepScale);

    public static double SumOfSquares(float* source, int vectors)
    {
        double sum = 0;
        for (int i = 0; i < vectors; i++) sum += (double)source[i] * source[i];
        return sum;
    }

    [MethodImpl(Inline)] public static F32x1 LowerBF16(F32x1 bits) => BroadcastBits(bits.Bits << 16);
    [MethodImpl(Inline)] public static F32x1 UpperBF16(F32x1 bits) => BroadcastBits(bits.Bits & unchecked((int)0xFFFF0000));
    [MethodImpl(Inline)] public static F32x1 LoadBF16(ushort* source) => BroadcastBits(*source << 16);
    [MethodImpl(Inline)] public static F32x1 BroadcastBits(int bits) => new(BitConverter.Int32BitsToSingle(bits));
    [MethodImpl(Inline)] public static F32x1 Nibbles(F32x1 bits) => BroadcastBits(bits.Bits & 0x0F0F0F0F);
    [MethodImpl(Inline)] public static F32x1 NextNibbles(F32x1 bits) => BroadcastBits(bits.Bits >>> 4);
    [MethodImpl(Inline)] public static F32x1 EvenBytes(F32x1 bits) => BroadcastBits(bits.Bits & 0x00FF00FF);
    [MethodImpl(Inline)] public static F32x1 OddBytes(F32x1 bits) => BroadcastBits(bits.Bits >>> 8 & 0x00FF00FF);
    [MethodImpl(Inline)] public static void StoreLowBytes(F32x1 bits, sbyte* destination) => *destination = (sbyte)bits.Bits;

    [MethodImpl(Inline)]
    public static F32x1 MultiplyAddPairs(F32x1 a, F32x1 b, F32x1 sum) =>
        BroadcastBits(sum.Bits + (short)a.Bits * (short)b.Bits + (a.Bits >> 16) * (b.Bits >> 16));

    [MethodImpl(Inline)] public static F32x1 FromInt32(F32x1 bits) => new(bits.Bits);

    [MethodImpl(Inline)]
    public static F32x1 DropoutFactors(F32x1 keys, uint counter, uint threshold, float keepScale) =>
        DropoutFactor((uint)keys.Bits, counter, threshold, keepScale);

    /// <summary>a · b + c, as <see cref="MultiplyAdd(F32x1, F32x1, F32x1)"/>.</summary>
    [MethodImpl(Inline)]
    public static float MultiplyAdd(float a, float b, float c) =>
        Fma.IsSupported || AdvSimd.IsSupported ? float.FusedMultiplyAdd(a, b, c) : MultiplyAddInDouble(a, b, c);

    /// <summary>a · b + c without an instruction that fuses the two. The sum is rounded to double and then to float32: that differs from the fused one by a
    /// unit in the last place where the first rounding ends in the middle of two float32, about once in 2²⁹ times.</summary>
    [MethodImpl(Inline)] internal static float MultiplyAddInDouble(float a, float b, float c) => (float)((double)a * b + c);

    int Bits => BitConverter.SingleToInt32Bits(_v);
}
