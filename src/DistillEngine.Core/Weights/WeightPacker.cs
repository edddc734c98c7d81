using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DistillEngine.Core;

/// <summary>Brings float32 rows into the layout of <see cref="PackedWeight"/>. Every number depends on its own row (or block) alone and is
/// rounded to nearest even, so neither order nor vector width changes a bit.</summary>
/// <param name="form">A packed one.</param>
public sealed class WeightPacker(WeightForm form, int inputs)
{
    const int Lanes = PackedWeight.GroupOutputs;
    const int MaxInt8 = 127;

    // Turning the sign bit of a byte adds 128.
    const uint SignBits = 0x8080_8080;

    // 1.5 · 2²³: a float32 of magnitude below 2²² added to it is rounded to a whole number, which its low bits hold.
    const float Rounder = 12582912f;

    readonly int _padded = PackedWeight.PaddedInputs(form, inputs);

    // The rows of a group in the width of the form; int4 in bytes before it is squeezed.
    readonly ushort[] _bfloats = new ushort[form == WeightForm.BF16 ? Lanes * PackedWeight.PaddedInputs(form, inputs) : 0];
    readonly sbyte[] _bytes = new sbyte[form is WeightForm.BF16 or WeightForm.PackedF32 ? 0 : Lanes * PackedWeight.PaddedInputs(form, inputs)];

    /// <param name="rows">float32 [count, inputs] of 1 … 32 outputs.</param>
    /// <param name="data">One group; overwritten.</param>
    /// <param name="scales">Bytes of one group's scales; overwritten.</param>
    /// <param name="remainders">int8 [count, inputs], overwritten; empty where none are kept.</param>
    public void PackGroup(ReadOnlySpan<float> rows, Span<byte> data, Span<byte> scales, Span<sbyte> remainders = default)
    {
        int count = rows.Length / inputs;
        if (form == WeightForm.PackedF32) Interleave(MemoryMarshal.Cast<float, uint>(rows), MemoryMarshal.Cast<byte, uint>(data), count);
        else if (form == WeightForm.BF16) PackBF16(rows, count, MemoryMarshal.Cast<byte, uint>(data));
        else if (form == WeightForm.Int8) PackInt8(rows, count, MemoryMarshal.Cast<byte, uint>(data), MemoryMarshal.Cast<byte, float>(scales));
        else PackInt4(rows, count, MemoryMarshal.Cast<byte, uint>(data), MemoryMarshal.Cast<byte, ushort>(scales));
        if (!remainders.IsEmpty) PackRemainders(rows, count, scales, remainders);
    }

    /// <summary>float32 to bfloat16, to nearest even; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ToBF16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)(bits >> 16 | 0x40);
        return (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }

    public static float FromBF16(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    void PackBF16(ReadOnlySpan<float> rows, int count, Span<uint> data)
    {
        Array.Clear(_bfloats);
        for (int row = 0; row < count; row++)
        {
            Span<ushort> to = _bfloats.AsSpan(row * _padded, inputs);
            ReadOnlySpan<float> from = rows.Slice(row * inputs, inputs);
            for (int i = 0; i < to.Length; i++) to[i] = ToBF16(from[i]);
        }
        Interleave(MemoryMarshal.Cast<ushort, uint>(_bfloats), data);
    }

    void PackInt8(ReadOnlySpan<float> rows, int count, Span<uint> data, Span<float> scales)
    {
        Array.Clear(_bytes);
        scales.Clear();
        for (int row = 0; row < count; row++)
        {
            ReadOnlySpan<float> from = rows.Slice(row * inputs, inputs);
            float greatest = GreatestMagnitude(from);
            // A row that is not finite keeps a scale of NaN, so that it shows in every result.
            scales[row] = float.IsFinite(greatest) ? greatest / MaxInt8 : float.NaN;
            if (greatest > 0 && float.IsFinite(greatest)) Round(from, MaxInt8, greatest, _bytes.AsSpan(row * _padded, inputs));
        }
        Interleave(MemoryMarshal.Cast<sbyte, uint>(_bytes), data);
        foreach (ref uint word in data) word ^= SignBits;
    }

    void PackInt4(ReadOnlySpan<float> rows, int count, Span<uint> data, Span<ushort> scales)
    {
        Array.Clear(_bytes);
        scales.Clear();
        for (int row = 0; row < count; row++)
        {
            for (int start = 0; start < inputs; start += PackedWeight.BlockInputs)
            {
                ReadOnlySpan<float> from = rows.Slice(row * inputs + start, Math.Min(PackedWeight.BlockInputs, inputs - start));
                ushort scale = BlockScale(from);
                scales[start / PackedWeight.BlockInputs * Lanes + row] = scale;
                float step = FromBF16(scale);
                if (step == 0 || !float.IsFinite(step)) continue;
                Span<sbyte> to = _bytes.AsSpan(row * _padded + start, from.Length);
                for (int i = 0; i < to.Length; i++) to[i] = (sbyte)Math.Clamp(Whole(from[i] / step), -8, 7);
            }
        }
        for (int step = 0; step < _padded / 8; step++)
            for (int lane = 0; lane < Lanes; lane++)
                data[step * Lanes + lane] = Nibbles(_bytes.AsSpan(lane * _padded + step * 8, 8));
    }

    void PackRemainders(ReadOnlySpan<float> rows, int count, ReadOnlySpan<byte> scales, Span<sbyte> remainders)
    {
        const int Units = PackedWeight.RemainderUnits;
        int block = form == WeightForm.Int8 ? inputs : PackedWeight.BlockInputs;
        for (int row = 0; row < count; row++)
        {
            for (int start = 0; start < inputs; start += block)
            {
                int scale = start / block * Lanes + row;
                float step = form == WeightForm.Int8
                    ? MemoryMarshal.Cast<byte, float>(scales)[scale]
                    : FromBF16(MemoryMarshal.Cast<byte, ushort>(scales)[scale]);
                for (int i = start; i < Math.Min(start + block, inputs); i++)
                {
                    float rest = (rows[row * inputs + i] / step - _bytes[row * _padded + i]) * Units;
                    // Of a row of zeros, or one that is not finite, nothing remains.
                    remainders[row * inputs + i] = (sbyte)(float.IsFinite(rest) ? Whole(Math.Clamp(rest, -Units, Units)) : 0);
                }
            }
        }
    }

    /// <summary>The step that brings the number of greatest magnitude to −8: it uses the range that has no positive counterpart.</summary>
    static ushort BlockScale(ReadOnlySpan<float> block)
    {
        float greatest = 0;
        foreach (float value in block)
        {
            if (!float.IsFinite(value)) return ToBF16(float.NaN);
            if (MathF.Abs(value) > MathF.Abs(greatest)) greatest = value;
        }
        return ToBF16(greatest / -8);
    }

    static uint Nibbles(ReadOnlySpan<sbyte> numbers)
    {
        uint word = 0;
        for (int i = 0; i < 8; i++) word |= (uint)(numbers[i] + PackedWeight.Zero(WeightForm.Int4)) << (8 * (i % 4) + 4 * (i / 4));
        return word;
    }

    static int Whole(float value) => BitConverter.SingleToInt32Bits(value + Rounder) - BitConverter.SingleToInt32Bits(Rounder);

    static float GreatestMagnitude(ReadOnlySpan<float> row)
    {
        Vector<float> greatest = Vector<float>.Zero;
        int i = 0;
        for (; i + Vector<float>.Count <= row.Length; i += Vector<float>.Count) greatest = Vector.Max(greatest, Vector.Abs(new Vector<float>(row[i..])));
        float result = 0;
        for (int lane = 0; lane < Vector<float>.Count; lane++) result = MathF.Max(result, greatest[lane]);
        for (; i < row.Length; i++) result = MathF.Max(result, MathF.Abs(row[i]));
        return result;
    }

    static void Round(ReadOnlySpan<float> row, float limit, float greatest, Span<sbyte> numbers)
    {
        // Two factors, since the inverse of a denormal greatest value alone overflows.
        float down = limit / greatest;
        if (float.IsInfinity(down))
        {
            for (int i = 0; i < row.Length; i++) numbers[i] = (sbyte)Whole(row[i] / greatest * limit);
            return;
        }
        int n = Vector<float>.Count, k = 0;
        for (; k + 4 * n <= row.Length; k += 4 * n)
        {
            Vector<short> lower = Vector.Narrow(Whole(row, k, down), Whole(row, k + n, down));
            Vector<short> upper = Vector.Narrow(Whole(row, k + 2 * n, down), Whole(row, k + 3 * n, down));
            Vector.Narrow(lower, upper).CopyTo(numbers[k..]);
        }
        for (; k < row.Length; k++) numbers[k] = (sbyte)Whole(row[k] * down);
    }

    static Vector<int> Whole(ReadOnlySpan<float> row, int start, float factor) =>
        Vector.AsVectorInt32(new Vector<float>(row[start..]) * factor + new Vector<float>(Rounder)) - new Vector<int>(BitConverter.SingleToInt32Bits(Rounder));

    /// <summary>[outputs, steps] to [steps, 32]; the lanes of missing outputs become zeros.</summary>
    static void Interleave(ReadOnlySpan<uint> rows, Span<uint> steps, int outputs = Lanes)
    {
        int count = rows.Length / outputs;
        if (outputs < Lanes) steps.Clear();
        for (int lane = 0; lane < outputs; lane++)
        {
            ReadOnlySpan<uint> row = rows.Slice(lane * count, count);
            for (int step = 0, to = lane; step < row.Length; step++, to += Lanes) steps[to] = row[step];
        }
    }
}
