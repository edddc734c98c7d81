using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillEngine.Kernels;

/// <summary>
/// Rounds a block of a factor to bfloat16 and copies it into panels [words, width] of pairs of steps, for dot products of pairs. Every
/// element is read once. Bound: the arithmetic of rounding, about a third of a vector instruction an element, against the bandwidth
/// of the caches. Runs only where AVX2 does.
/// </summary>
static unsafe class Bf16Pack
{
    // As in GemmPack: two cache lines of each contiguous line at a time, and a part of the panel that stays in the first cache.
    const int Steps = 64;

    /// <summary>Packs lines first … first + count − 1, steps start … start + depth − 1, into one panel; missing lines, and the step after an
    /// odd last one, are zeros.</summary>
    /// <param name="count">1 … width.</param>
    public static void Panel(in GemmOperand source, long first, int count, int width, long start, int depth, uint* panel)
    {
        if (count < width) new Span<uint>(panel, (depth + 1) / 2 * width).Clear();
        float* origin = source.At(first, start);
        if (source.LinesAreContiguous) Transpose(origin, source.Stride, count, width, depth, panel);
        else Copy(origin, source.Stride, count, width, depth, panel);
    }

    static void Copy(float* source, long stride, int count, int width, int depth, uint* panel)
    {
        for (int k = 0; k < depth; k += 2, source += 2 * stride, panel += width)
        {
            bool isLast = k + 1 == depth;
            float* later = source + stride;
            int i = 0;
            for (; i + 8 <= count; i += 8)
                Bf16.Word(Vector256.Load(source + i), isLast ? Vector256<float>.Zero : Vector256.Load(later + i)).Store(panel + i);
            for (; i + 4 <= count; i += 4)
                Bf16.Word(Vector128.Load(source + i).ToVector256(), isLast ? Vector256<float>.Zero : Vector128.Load(later + i).ToVector256()).GetLower().Store(panel + i);
            for (; i < count; i++) panel[i] = Bf16.Word(source[i], isLast ? 0 : later[i]);
        }
    }

    static void Transpose(float* source, long stride, int count, int width, int depth, uint* panel)
    {
        for (int k = 0; k < depth; k += Steps)
        {
            int steps = Math.Min(Steps, depth - k), line = 0;
            float* from = source + k;
            uint* to = panel + (long)(k / 2) * width;
            for (; line + 8 <= count; line += 8)
            {
                int step = 0;
                for (; step + 8 <= steps; step += 8) Transpose8(from + line * stride + step, stride, to + (long)(step / 2) * width + line, width);
                Rest(from + line * stride, stride, 8, step, steps, to + line, width);
            }
            for (; line + 4 <= count; line += 4)
            {
                int step = 0;
                for (; step + 8 <= steps; step += 8) Transpose4(from + line * stride + step, stride, to + (long)(step / 2) * width + line, width);
                Rest(from + line * stride, stride, 4, step, steps, to + line, width);
            }
            if (line < count) Rest(from + line * stride, stride, count - line, 0, steps, to + line, width);
        }
    }

    static void Rest(float* source, long stride, int count, int step, int steps, uint* panel, int width)
    {
        for (; step < steps; step += 2)
            for (int i = 0; i < count; i++)
            {
                float* pair = source + i * stride + step;
                panel[(long)(step / 2) * width + i] = Bf16.Word(pair[0], step + 1 < steps ? pair[1] : 0);
            }
    }

    /// <summary>Eight lines by four words: each half of a register is a transposition of four lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose8(float* source, long stride, uint* panel, int width)
    {
        Vector256<uint> a = Pair(source, stride), b = Pair(source + stride, stride);
        Vector256<uint> c = Pair(source + 2 * stride, stride), d = Pair(source + 3 * stride, stride);
        Vector256<ulong> abLow = Avx2.UnpackLow(a, b).AsUInt64(), abHigh = Avx2.UnpackHigh(a, b).AsUInt64();
        Vector256<ulong> cdLow = Avx2.UnpackLow(c, d).AsUInt64(), cdHigh = Avx2.UnpackHigh(c, d).AsUInt64();
        Avx2.UnpackLow(abLow, cdLow).AsUInt32().Store(panel);
        Avx2.UnpackHigh(abLow, cdLow).AsUInt32().Store(panel + width);
        Avx2.UnpackLow(abHigh, cdHigh).AsUInt32().Store(panel + 2 * width);
        Avx2.UnpackHigh(abHigh, cdHigh).AsUInt32().Store(panel + 3 * width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose4(float* source, long stride, uint* panel, int width)
    {
        Vector128<uint> a = Words(source), b = Words(source + stride), c = Words(source + 2 * stride), d = Words(source + 3 * stride);
        Vector128<ulong> abLow = Sse2.UnpackLow(a, b).AsUInt64(), abHigh = Sse2.UnpackHigh(a, b).AsUInt64();
        Vector128<ulong> cdLow = Sse2.UnpackLow(c, d).AsUInt64(), cdHigh = Sse2.UnpackHigh(c, d).AsUInt64();
        Sse2.UnpackLow(abLow, cdLow).AsUInt32().Store(panel);
        Sse2.UnpackHigh(abLow, cdLow).AsUInt32().Store(panel + width);
        Sse2.UnpackLow(abHigh, cdHigh).AsUInt32().Store(panel + 2 * width);
        Sse2.UnpackHigh(abHigh, cdHigh).AsUInt32().Store(panel + 3 * width);
    }

    /// <summary>Four words of a line, and of the fourth line after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> Pair(float* source, long stride)
    {
        Vector256<int> line = Bits(source), other = Bits(source + 4 * stride);
        // Packing works by halves of a register: the quarters are first and third of the line, then of the other one.
        return Avx2.Permute4x64(Avx2.PackUnsignedSaturate(line, other).AsUInt64(), 0b11_01_10_00).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> Words(float* source)
    {
        Vector256<int> line = Bits(source);
        return Sse41.PackUnsignedSaturate(line.GetLower(), line.GetUpper()).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Bits(float* source) => (Bf16.Round(Vector256.Load(source)) >>> 16).AsInt32();
}
