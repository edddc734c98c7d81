using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistillEngine.Kernels;

/// <summary>float32 rounded to bfloat16, its upper half: to nearest, ties to even, overflow to infinity; what is no number stays none.</summary>
static unsafe class Bf16
{
    const uint Upper = 0xFFFF_0000, JustBelowHalf = 0x7FFF, Quiet = 0x0040_0000;

    /// <summary>The bfloat16 in the upper half of each word; the lower half is undefined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Round(Vector256<float> values)
    {
        Vector256<uint> bits = values.AsUInt32();
        Vector256<uint> even = (bits >>> 16) & Vector256<uint>.One;
        // Rounding could carry a NaN's payload into infinity or the sign.
        return Vector256.ConditionalSelect(Vector256.Equals(values, values).AsUInt32(), bits + Vector256.Create(JustBelowHalf) + even,
            bits | Vector256.Create(Quiet));
    }

    /// <summary>The rounded numbers as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Rounded(Vector512<float> values)
    {
        Vector512<uint> bits = values.AsUInt32();
        Vector512<uint> even = (bits >>> 16) & Vector512<uint>.One;
        Vector512<uint> rounded = Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), bits + Vector512.Create(JustBelowHalf) + even,
            bits | Vector512.Create(Quiet));
        return (rounded & Vector512.Create(Upper)).AsSingle();
    }

    /// <inheritdoc cref="Round(Vector256{float})"/>
    public static uint Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? bits | Quiet : bits + JustBelowHalf + (bits >> 16 & 1);
    }

    /// <summary>Two steps as a word of a panel: the earlier one in the lower half.</summary>
    public static uint Word(float earlier, float later) => Round(earlier) >> 16 | Round(later) & Upper;

    /// <summary>Rounds numbers into another place.</summary>
    public static void RoundTo(float* values, long count, ushort* to)
    {
        long i = 0;
        for (; i + Vector256<ushort>.Count <= count; i += Vector256<ushort>.Count)
            Vector256.Narrow(Round(Vector256.Load(values + i)) >>> 16, Round(Vector256.Load(values + i + Vector256<float>.Count)) >>> 16).Store(to + i);
        for (; i < count; i++) to[i] = (ushort)(Round(values[i]) >> 16);
    }

    /// <summary>Rounds numbers where they are.</summary>
    public static void RoundInPlace(float* values, long count)
    {
        long i = 0;
        if (Vector512.IsHardwareAccelerated)
            for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
                Rounded(Vector512.Load(values + i)).Store(values + i);
        for (; i + Vector256<float>.Count <= count; i += Vector256<float>.Count)
            (Round(Vector256.Load(values + i)) & Vector256.Create(Upper)).AsSingle().Store(values + i);
        for (; i < count; i++) values[i] = BitConverter.UInt32BitsToSingle(Round(values[i]) & Upper);
    }
}
