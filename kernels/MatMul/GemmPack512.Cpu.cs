using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistillEngine.Kernels;

/// <summary>
/// The packing of whole panels for tiles with 512-bit vectors, 12 rows and 32 columns. Each cache line of a factor is touched once, since
/// lines that lie a power of two apart would throw each other out of the first cache between two visits. Bound: shuffles and stores.
/// </summary>
static unsafe class GemmPack512
{
    /// <summary>Lines of a row panel, and of a column panel.</summary>
    public const int Rows = 12, Columns = 32;

    /// <summary>Lines of the <see cref="GemmKernel.PanelGroup"/> row panels that are copied together: three vectors.</summary>
    public const int GroupRows = GemmKernel.PanelGroup * Rows;

    /// <summary>Steps, and most lines, of a transposed block: a cache line, and one in each of 16 registers.</summary>
    public const int Block = 16;

    // Steps of 12 words that are whole cache lines.
    const int LineSteps = 4;

    // How far packing asks ahead: some hundred nanoseconds of copying, what an access to memory takes.
    const int AheadSteps = 16, AheadInLine = 4 * Block;

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary>Packs what it can of a whole panel.</summary>
    /// <param name="rounds">Whether numbers are rounded to bfloat16.</param>
    /// <returns>Steps that are packed; 0 for panels of other widths, and for row panels of contiguous steps, which a group takes at once.</returns>
    public static int Panel(in GemmOperand source, long first, int width, long start, int depth, float* panel, bool rounds) =>
        rounds ? Panel<RoundedNumbers>(source, first, width, start, depth, panel) : Panel<Float32Numbers>(source, first, width, start, depth, panel);

    static int Panel<TNumbers>(in GemmOperand source, long first, int width, long start, int depth, float* panel) where TNumbers : struct, IPackedNumbers
    {
        float* origin = source.At(first, start);
        int whole = source.LinesAreContiguous ? depth / Block * Block : depth;
        if (source.LinesAreContiguous && width == Rows) TransposeRows<TNumbers>(origin, source.Stride, whole, panel);
        else if (source.LinesAreContiguous && width == Columns) TransposeColumns<TNumbers>(origin, source.Stride, whole, panel);
        else if (width == Columns) CopyColumns<TNumbers>(origin, source.Stride, whole, panel);
        else return 0;
        return whole;
    }

    /// <summary>Four panels [depth, 12] of 48 neighbouring words of every step.</summary>
    /// <param name="stride">Words from a step to the next.</param>
    /// <param name="panel">Aligned to cache lines, as <paramref name="panelStride"/> is.</param>
    /// <param name="panelStride">Words from a panel to the next.</param>
    /// <param name="rounds">Whether numbers are rounded to bfloat16.</param>
    public static void CopyRows(float* source, long stride, int depth, float* panel, long panelStride, bool rounds)
    {
        if (rounds) CopyRows<RoundedNumbers>(source, stride, depth, panel, panelStride);
        else CopyRows<Float32Numbers>(source, stride, depth, panel, panelStride);
    }

    static void CopyRows<TNumbers>(float* source, long stride, int depth, float* panel, long panelStride) where TNumbers : struct, IPackedNumbers
    {
        for (; depth >= LineSteps; depth -= LineSteps, source += LineSteps * stride, panel += LineSteps * Rows)
        {
            float* later = source + AheadSteps * stride;
            for (int step = 0; step < LineSteps; step++, later += stride)
            {
                Sse.Prefetch0(later);
                Sse.Prefetch0(later + 16);
                Sse.Prefetch0(later + 32);
            }
            CopyLines<TNumbers>(source, stride, 0, panel);
            CopyLines<TNumbers>(source + Rows, stride, 0, panel + panelStride);
            CopyLines<TNumbers>(source + 2 * Rows, stride, 0, panel + 2 * panelStride);
            // From four words before: sixteen from its first on would end behind the source.
            CopyLines<TNumbers>(source + 2 * Rows + 8, stride, 4, panel + 3 * panelStride);
        }
        for (; depth > 0; depth--, source += stride, panel += Rows)
        {
            StoreRow(TNumbers.Load(source), panel);
            StoreRow(TNumbers.Load(source + Rows), panel + panelStride);
            StoreRow(TNumbers.Load(source + 2 * Rows), panel + 2 * panelStride);
            Vector512<float> last = TNumbers.Load(source + 2 * Rows + 8);
            StoreRow(Avx512F.AlignRight32(last.AsInt32(), last.AsInt32(), 4).AsSingle(), panel + 3 * panelStride);
        }
    }

    /// <summary>Four steps of 12 words as three cache lines, so that none is written twice.</summary>
    /// <param name="skip">Words before the 12.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void CopyLines<TNumbers>(float* source, long stride, int skip, float* panel) where TNumbers : struct, IPackedNumbers
    {
        Vector512<float> a = TNumbers.Load(source), b = TNumbers.Load(source + stride);
        Vector512<float> c = TNumbers.Load(source + 2 * stride), d = TNumbers.Load(source + 3 * stride);
        Vector512<int> by = Vector512.Create(skip);
        Avx512F.PermuteVar16x32x2(a, Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19) + by, b).StoreAligned(panel);
        Avx512F.PermuteVar16x32x2(b, Vector512.Create(4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23) + by, c).StoreAligned(panel + 16);
        Avx512F.PermuteVar16x32x2(c, Vector512.Create(8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27) + by, d).StoreAligned(panel + 32);
    }

    /// <summary>A panel [depth, 32] of neighbouring words of every step.</summary>
    static void CopyColumns<TNumbers>(float* source, long stride, int depth, float* panel) where TNumbers : struct, IPackedNumbers
    {
        for (int k = 0; k < depth; k++, source += stride, panel += Columns)
        {
            float* later = source + AheadSteps * stride;
            Sse.Prefetch0(later);
            Sse.Prefetch0(later + 16);
            Vector512<float> left = TNumbers.Load(source), right = TNumbers.Load(source + 16);
            left.Store(panel);
            right.Store(panel + 16);
        }
    }

    /// <summary>A panel [depth, 12] of 12 lines.</summary>
    /// <param name="stride">Words from a line to the next.</param>
    /// <param name="depth">A multiple of <see cref="Block"/>.</param>
    static void TransposeRows<TNumbers>(float* source, long stride, int depth, float* panel) where TNumbers : struct, IPackedNumbers
    {
        for (int k = 0; k < depth; k += Block, source += Block, panel += Block * Rows)
        {
            Quads<TNumbers>(source, stride, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
            Quads<TNumbers>(source + 4 * stride, stride, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
            Quads<TNumbers>(source + 8 * stride, stride, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
            Steps(a0, b0, c0, c0, out Vector512<float> s0, out Vector512<float> s4, out Vector512<float> s8, out Vector512<float> s12);
            Steps(a1, b1, c1, c1, out Vector512<float> s1, out Vector512<float> s5, out Vector512<float> s9, out Vector512<float> s13);
            Steps(a2, b2, c2, c2, out Vector512<float> s2, out Vector512<float> s6, out Vector512<float> s10, out Vector512<float> s14);
            Steps(a3, b3, c3, c3, out Vector512<float> s3, out Vector512<float> s7, out Vector512<float> s11, out Vector512<float> s15);
            // In order: what a store leaves behind its 12 words, the next one replaces.
            s0.Store(panel);
            s1.Store(panel + Rows);
            s2.Store(panel + 2 * Rows);
            s3.Store(panel + 3 * Rows);
            s4.Store(panel + 4 * Rows);
            s5.Store(panel + 5 * Rows);
            s6.Store(panel + 6 * Rows);
            s7.Store(panel + 7 * Rows);
            s8.Store(panel + 8 * Rows);
            s9.Store(panel + 9 * Rows);
            s10.Store(panel + 10 * Rows);
            s11.Store(panel + 11 * Rows);
            s12.Store(panel + 12 * Rows);
            s13.Store(panel + 13 * Rows);
            s14.Store(panel + 14 * Rows);
            StoreRow(s15, panel + 15 * Rows);
        }
    }

    /// <summary>A panel [depth, 32] of 32 lines; as <see cref="TransposeRows"/>.</summary>
    static void TransposeColumns<TNumbers>(float* source, long stride, int depth, float* panel) where TNumbers : struct, IPackedNumbers
    {
        for (int k = 0; k < depth; k += Block, source += Block, panel += Block * Columns)
        {
            Transpose16<TNumbers>(source, stride, panel);
            Transpose16<TNumbers>(source + 16 * stride, stride, panel + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Transpose16<TNumbers>(float* source, long stride, float* panel) where TNumbers : struct, IPackedNumbers
    {
        Quads<TNumbers>(source, stride, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
        Quads<TNumbers>(source + 4 * stride, stride, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
        Quads<TNumbers>(source + 8 * stride, stride, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        Quads<TNumbers>(source + 12 * stride, stride, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
        StoreColumns(a0, b0, c0, d0, panel);
        StoreColumns(a1, b1, c1, d1, panel + Columns);
        StoreColumns(a2, b2, c2, d2, panel + 2 * Columns);
        StoreColumns(a3, b3, c3, d3, panel + 3 * Columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreColumns(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* panel)
    {
        Steps(a, b, c, d, out Vector512<float> s0, out Vector512<float> s4, out Vector512<float> s8, out Vector512<float> s12);
        s0.Store(panel);
        s4.Store(panel + 4 * Columns);
        s8.Store(panel + 8 * Columns);
        s12.Store(panel + 12 * Columns);
    }

    /// <summary>Four lines of 16 steps: quarter q of vector j is step 4q + j of all four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Quads<TNumbers>(float* source, long stride,
        out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3) where TNumbers : struct, IPackedNumbers
    {
        Vector512<float> a = TNumbers.Load(source), b = TNumbers.Load(source + stride);
        Vector512<float> c = TNumbers.Load(source + 2 * stride), d = TNumbers.Load(source + 3 * stride);
        Sse.Prefetch0(source + AheadInLine);
        Sse.Prefetch0(source + stride + AheadInLine);
        Sse.Prefetch0(source + 2 * stride + AheadInLine);
        Sse.Prefetch0(source + 3 * stride + AheadInLine);
        Vector512<float> abLow = Avx512F.UnpackLow(a, b), abHigh = Avx512F.UnpackHigh(a, b);
        Vector512<float> cdLow = Avx512F.UnpackLow(c, d), cdHigh = Avx512F.UnpackHigh(c, d);
        q0 = Avx512F.Shuffle(abLow, cdLow, 0x44);
        q1 = Avx512F.Shuffle(abLow, cdLow, 0xEE);
        q2 = Avx512F.Shuffle(abHigh, cdHigh, 0x44);
        q3 = Avx512F.Shuffle(abHigh, cdHigh, 0xEE);
    }

    /// <summary>Quarter q of each of four vectors becomes vector q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Steps(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d,
        out Vector512<float> s0, out Vector512<float> s1, out Vector512<float> s2, out Vector512<float> s3)
    {
        Vector512<float> abLow = Avx512F.Shuffle4x128(a, b, 0x44), abHigh = Avx512F.Shuffle4x128(a, b, 0xEE);
        Vector512<float> cdLow = Avx512F.Shuffle4x128(c, d, 0x44), cdHigh = Avx512F.Shuffle4x128(c, d, 0xEE);
        s0 = Avx512F.Shuffle4x128(abLow, cdLow, 0x88);
        s1 = Avx512F.Shuffle4x128(abLow, cdLow, 0xDD);
        s2 = Avx512F.Shuffle4x128(abHigh, cdHigh, 0x88);
        s3 = Avx512F.Shuffle4x128(abHigh, cdHigh, 0xDD);
    }

    /// <summary>The first 12 lanes and nothing behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreRow(Vector512<float> row, float* panel)
    {
        row.GetLower().Store(panel);
        row.GetUpper().GetLower().Store(panel + 8);
    }

    /// <summary>How numbers of a factor are packed.</summary>
    interface IPackedNumbers
    {
        /// <summary>Sixteen of them.</summary>
        static abstract Vector512<float> Load(float* source);
    }

    readonly struct Float32Numbers : IPackedNumbers
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load(float* source) => Vector512.Load(source);
    }

    /// <summary>Rounded to bfloat16.</summary>
    readonly struct RoundedNumbers : IPackedNumbers
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load(float* source) => Bf16.Rounded(Vector512.Load(source));
    }
}
