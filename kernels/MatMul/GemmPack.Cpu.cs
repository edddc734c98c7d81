using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace DistillEngine.Kernels;

/// <summary>
/// Copies a block of a factor into panels [depth, width], so that the tile reads both factors in one forward sweep.
/// Every element is read and written once. Bound: bandwidth of the caches; a packed element serves at least one tile row or column.
/// </summary>
static unsafe class GemmPack<TVector> where TVector : struct, IVectorF32<TVector>
{
    // Four cache lines of each contiguous line at a time: the panel's part being filled stays in the first cache, and the reads still run
    // ahead. From 16 to 64 steps make no difference that shows; 256 are up to a tenth slower.
    const int Steps = 64;

    /// <summary>Packs lines first … first + count − 1, steps start … start + depth − 1, into one panel; missing lines are zeros.</summary>
    /// <param name="count">1 … width.</param>
    /// <param name="rounds">Whether numbers are rounded to bfloat16.</param>
    public static void Panel(in GemmOperand source, long first, int count, int width, long start, int depth, float* panel, bool rounds = false)
    {
        if (count < width) new Span<float>(panel, depth * width).Clear();
        int done = TVector.Count >= 8 && GemmPack512.IsSupported && count == width ? GemmPack512.Panel(source, first, width, start, depth, panel, rounds) : 0;
        float* origin = source.At(first, start + done);
        panel += (long)done * width;
        if (source.LinesAreContiguous) Transpose(origin, source.Stride, count, width, depth - done, panel);
        else Copy(origin, source.Stride, count, width, depth - done, panel);
        if (rounds) Bf16.RoundInPlace(panel, (long)(depth - done) * width);
    }

    static void Copy(float* source, long stride, int count, int width, int depth, float* panel)
    {
        if (count == 2 * TVector.Count)
        {
            for (int k = 0; k < depth; k++, source += stride, panel += width)
            {
                TVector.Store(TVector.Load(source), panel);
                TVector.Store(TVector.Load(source + TVector.Count), panel + TVector.Count);
            }
            return;
        }
        for (int k = 0; k < depth; k++, source += stride, panel += width)
        {
            int i = 0;
            for (; i + TVector.Count <= count; i += TVector.Count) TVector.Store(TVector.Load(source + i), panel + i);
            for (; i + 4 <= count; i += 4) Vector128.Store(Vector128.Load(source + i), panel + i);
            if (i == count) continue;
            // Six rows of a panel are four and, with two of those once more, four.
            if (count >= 4) Vector128.Store(Vector128.Load(source + count - 4), panel + count - 4);
            else
                for (; i < count; i++) panel[i] = source[i];
        }
    }

    static void Transpose(float* source, long stride, int count, int width, int depth, float* panel)
    {
        for (int k = 0; k < depth; k += Steps)
        {
            int steps = Math.Min(Steps, depth - k), line = 0;
            if (TVector.Count >= 8 && Avx.IsSupported && count == 6 && width == 6)
                line = Transpose6(source + k, stride, steps, panel + (long)k * width);
            else if (TVector.Count >= 8 && Avx.IsSupported)
                for (; line + 8 <= count; line += 8)
                {
                    float* from = source + line * stride + k;
                    float* to = panel + (long)k * width + line;
                    int step = 0;
                    for (; step + 4 <= steps; step += 4, from += 4, to += 4 * width)
                        Transpose8(Pair(from, stride), Pair(from + stride, stride), Pair(from + 2 * stride, stride), Pair(from + 3 * stride, stride),
                            to, width);
                    for (; step < steps; step++, from++, to += width)
                        for (int i = 0; i < 8; i++) to[i] = from[i * stride];
                }
            for (; line + 4 <= count; line += 4)
            {
                float* from = source + line * stride + k;
                float* to = panel + (long)k * width + line;
                int step = 0;
                for (; step + 4 <= steps; step += 4, from += 4, to += 4 * width) Transpose4(from, stride, to, width);
                for (; step < steps; step++, from++, to += width)
                    for (int i = 0; i < 4; i++) to[i] = from[i * stride];
            }
            for (; line < count; line++)
                for (int step = 0; step < steps; step++)
                    panel[(long)(k + step) * width + line] = source[line * stride + k + step];
        }
    }

    /// <summary>Six lines, packed like eight: what a step stores beyond its six is overwritten by the next one. The last steps, which none follows,
    /// are copied one by one.</summary>
    /// <returns>The lines that are packed.</returns>
    static int Transpose6(float* source, long stride, int steps, float* panel)
    {
        const int lines = 6;
        int step = 0;
        for (; step + 4 < steps; step += 4, source += 4, panel += 4 * lines)
        {
            Vector256<float> c = Vector256.Create(Vector128.Load(source + 2 * stride), default), d = Vector256.Create(Vector128.Load(source + 3 * stride), default);
            Transpose8(Pair(source, stride), Pair(source + stride, stride), c, d, panel, lines);
        }
        for (; step < steps; step++, source++, panel += lines)
            for (int i = 0; i < lines; i++) panel[i] = source[i * stride];
        return lines;
    }

    /// <summary>Eight lines by four steps: each half of a register is a transposition of four lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose8(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d, float* panel, int width)
    {
        Vector256<float> abLow = Avx.UnpackLow(a, b), abHigh = Avx.UnpackHigh(a, b), cdLow = Avx.UnpackLow(c, d), cdHigh = Avx.UnpackHigh(c, d);
        Avx.Shuffle(abLow, cdLow, 0x44).Store(panel);
        Avx.Shuffle(abLow, cdLow, 0xEE).Store(panel + width);
        Avx.Shuffle(abHigh, cdHigh, 0x44).Store(panel + 2 * width);
        Avx.Shuffle(abHigh, cdHigh, 0xEE).Store(panel + 3 * width);
    }

    /// <summary>Four steps of a line, and of the fourth line after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Pair(float* source, long stride) => Vector256.Create(Vector128.Load(source), Vector128.Load(source + 4 * stride));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose4(float* source, long stride, float* panel, int width)
    {
        Vector128<float> a = Vector128.Load(source), b = Vector128.Load(source + stride);
        Vector128<float> c = Vector128.Load(source + 2 * stride), d = Vector128.Load(source + 3 * stride);
        Vector128<float> acLow = InterleaveLow(a, c), acHigh = InterleaveHigh(a, c);
        Vector128<float> bdLow = InterleaveLow(b, d), bdHigh = InterleaveHigh(b, d);
        InterleaveLow(acLow, bdLow).Store(panel);
        InterleaveHigh(acLow, bdLow).Store(panel + width);
        InterleaveLow(acHigh, bdHigh).Store(panel + 2 * width);
        InterleaveHigh(acHigh, bdHigh).Store(panel + 3 * width);
    }

    // No portable vector method interleaves two vectors; with scalar packing a product of 64 rows runs at two thirds of the speed.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> InterleaveLow(Vector128<float> a, Vector128<float> b)
    {
        if (Sse.IsSupported) return Sse.UnpackLow(a, b);
        if (AdvSimd.Arm64.IsSupported) return AdvSimd.Arm64.ZipLow(a, b);
        return Vector128.Create(a[0], b[0], a[1], b[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> InterleaveHigh(Vector128<float> a, Vector128<float> b)
    {
        if (Sse.IsSupported) return Sse.UnpackHigh(a, b);
        if (AdvSimd.Arm64.IsSupported) return AdvSimd.Arm64.ZipHigh(a, b);
        return Vector128.Create(a[2], b[2], a[3], b[3]);
    }
}
