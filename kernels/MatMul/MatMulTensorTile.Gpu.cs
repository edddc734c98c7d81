using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Extents of a block of the tensor-core product: constants of the compiled kernel, so that its loops unroll and its sums stay in registers.</summary>
interface ITensorTile
{
    /// <summary>Warps of a group, one below the other.</summary>
    static abstract int WarpsDown { get; }

    /// <summary>Warps of a group, side by side.</summary>
    static abstract int WarpsAcross { get; }

    /// <summary>Rows that one warp sums, a multiple of 16.</summary>
    static abstract int WarpRows { get; }

    /// <summary>Columns that one warp sums, a multiple of 16.</summary>
    static abstract int WarpColumns { get; }
}

/// <summary>128 × 128 by 8 warps: for products that fill the device.</summary>
readonly struct LargeTensorTile : ITensorTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 4;
    public static int WarpRows => 64;
    public static int WarpColumns => 32;
}

/// <summary>128 × 64 by 4 warps.</summary>
readonly struct MediumTensorTile : ITensorTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 2;
    public static int WarpRows => 64;
    public static int WarpColumns => 32;
}

/// <summary>64 × 64 by 4 warps: for products of few blocks.</summary>
readonly struct SmallTensorTile : ITensorTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 2;
    public static int WarpRows => 32;
    public static int WarpColumns => 32;
}

/// <summary>Two neighbouring words, moved in one instruction.</summary>
struct Word2
{
    public int X, Y;
}

/// <summary>Two neighbouring floats, moved in one instruction.</summary>
struct Float2
{
    public float X, Y;
}

/// <summary>Four neighbouring words, moved in one instruction.</summary>
struct Word4
{
    public int X, Y, Z, W;
}

/// <summary>The tiled product of two factors on tensor cores.</summary>
static class MatMulTensorTile
{
    // Words of the contracted axis between two barriers: two steps of the tensor cores.
    const int DepthWords = 16, StepWords = 8;

    // Behind each line of a slice, so that the 8 rows of a matrix, 20 or 4 banks apart, fall into different ones.
    const int Padding = 4;

    // Behind each step of a slice of tf32 lines: the four steps of a fragment, 8 banks apart, fall into different ones.
    const int WordPadding = 8;

    /// <summary>Threads of a group.</summary>
    public static int Threads<TTile>() where TTile : struct, ITensorTile => TTile.WarpsDown * TTile.WarpsAcross * 32;

    /// <summary>
    /// One group a block of c, one warp a part of it, whose sums stay in registers. Both factors' slices of <see cref="DepthWords"/> words
    /// are read into registers while the ones before are multiplied, and rounded as they go to the other half of shared memory: one barrier
    /// a slice. Bound by the tensor cores for blocks of 128, where a slice's 32 kB of float32 feed 1 Mflop of bf16. Sums are float32, along
    /// the steps in an order that no tile changes.
    /// </summary>
    public static void Multiply<TTile, TCore, TA, TB>(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call)
        where TTile : struct, ITensorTile where TCore : struct, ITensorCore where TA : struct, IMatMulOperand where TB : struct, IMatMulOperand
    {
        int rows = TTile.WarpsDown * TTile.WarpRows, columns = TTile.WarpsAcross * TTile.WarpColumns;
        int depth = DepthWords * TCore.Packed;
        int startB = SliceWords<TCore, TA>(rows), half = startB + SliceWords<TCore, TB>(columns);
        ArrayView<int> shared = SharedMemory.Allocate<int>(
            2 * (SliceWords<TCore, TA>(TTile.WarpsDown * TTile.WarpRows) + SliceWords<TCore, TB>(TTile.WarpsAcross * TTile.WarpColumns))
            + TTile.WarpsDown * TTile.WarpsAcross * TCore.ExchangeWords);
        ArrayView<int> exchange = shared.SubView(2 * half, TTile.WarpsDown * TTile.WarpsAcross * TCore.ExchangeWords);
        ArrayView<float> sums = LocalMemory.Allocate<float>(TTile.WarpRows * TTile.WarpColumns / 32);
        ArrayView<int> partA = LocalMemory.Allocate<int>(TTile.WarpRows / 4);
        ArrayView<int> partB = LocalMemory.Allocate<int>(TTile.WarpColumns / 4);
        ArrayView<float> nextA = LocalMemory.Allocate<float>(TTile.WarpRows * DepthWords * TCore.Packed / (32 * TTile.WarpsAcross));
        ArrayView<float> nextB = LocalMemory.Allocate<float>(TTile.WarpColumns * DepthWords * TCore.Packed / (32 * TTile.WarpsDown));
        int warp = Group.IdxX / 32, lane = Group.IdxX % 32;
        int firstRow = Grid.IdxY * rows, firstColumn = Grid.IdxX * columns;
        int address = TCore.AddressOfShared();
        int ownA = TCore.Here(OwnWord<TCore, TA>(rows, warp / TTile.WarpsAcross * TTile.WarpRows, lane / 8 % 2, lane / 16));
        int ownB = TCore.Here(startB + OwnWord<TCore, TB>(columns, warp % TTile.WarpsAcross * TTile.WarpColumns, lane / 16, lane / 8 % 2));
        int lineA = TCore.Here(firstRow + FirstLine<TCore, TA>(rows)), stepA = TCore.Here(FirstStep<TCore, TA>(rows));
        int lineB = TCore.Here(firstColumn + FirstLine<TCore, TB>(columns)), stepB = TCore.Here(FirstStep<TCore, TB>(columns));
        int toA = TCore.Here(FirstWord<TCore, TA>(rows)), toB = TCore.Here(startB + FirstWord<TCore, TB>(columns));
        for (int i = 0; i < TTile.WarpRows * TTile.WarpColumns / 32; i++) sums[i] = 0;
        int current = half, steps = call.Depth;
        if (steps > 0)
        {
            Read<TTile, TCore, TA>(a, call.StrideA, call.VectorsA, rows, lineA, stepA, call.Rows, call.Depth, nextA);
            Read<TTile, TCore, TB>(b, call.StrideB, call.VectorsB, columns, lineB, stepB, call.Columns, call.Depth, nextB);
        }
        for (int step = 0; step < steps; step += depth)
        {
            current = half - current;
            int nextToA = TCore.Here(current + toA), nextToB = TCore.Here(current + toB);
            Store<TTile, TCore, TA>(nextA, rows, shared, nextToA, steps - stepA - step);
            Store<TTile, TCore, TB>(nextB, columns, shared, nextToB, steps - stepB - step);
            Group.Barrier();
            if (step + depth < steps)
            {
                Read<TTile, TCore, TA>(a, call.StrideA, call.VectorsA, rows, lineA, stepA + step + depth, call.Rows, call.Depth, nextA);
                Read<TTile, TCore, TB>(b, call.StrideB, call.VectorsB, columns, lineB, stepB + step + depth, call.Columns, call.Depth, nextB);
            }
            int fromA = TCore.Here(current + ownA), fromB = TCore.Here(current + ownB);
            for (int k = 0; k < DepthWords; k += StepWords)
            {
                for (int i = 0; i < TTile.WarpRows / 16; i++)
                    LoadPart<TCore, TA>(shared, address, fromA, rows, i, k, 1, partA, exchange);
                for (int j = 0; j < TTile.WarpColumns / 16; j++)
                    LoadPart<TCore, TB>(shared, address, fromB, columns, j, k, 2, partB, exchange);
                for (int i = 0; i < TTile.WarpRows / 16; i++)
                    for (int j = 0; j < TTile.WarpColumns / 16; j++)
                        TCore.MultiplyAdd(sums, (i * (TTile.WarpColumns / 16) + j) * 8, partA, i * 4, partB, j * 4, exchange);
            }
        }
        Group.Barrier();
        Write<TTile, TCore>(sums, shared.Cast<float>(), c, call, firstRow, firstColumn);
    }

    /// <summary>Words between neighbours in a slice: lines where they are contiguous, else steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Stride<TCore, T>(int lines) where TCore : struct, ITensorCore where T : struct, IMatMulOperand =>
        T.LinesAreContiguous ? DepthWords + Padding : TCore.Packed == 2 ? lines / 2 + Padding : lines + WordPadding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int SliceWords<TCore, T>(int lines) where TCore : struct, ITensorCore where T : struct, IMatMulOperand =>
        Stride<TCore, T>(lines) * (T.LinesAreContiguous ? lines : DepthWords * TCore.Packed);

    /// <summary>Line of a thread's first four of a slice. Neighbouring threads take neighbours in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FirstLine<TCore, T>(int lines) where TCore : struct, ITensorCore where T : struct, IMatMulOperand =>
        T.LinesAreContiguous ? Group.IdxX / (DepthWords * TCore.Packed / 4) : Group.IdxX % (lines / 4) * 4;

    /// <summary>Step of that four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FirstStep<TCore, T>(int lines) where TCore : struct, ITensorCore where T : struct, IMatMulOperand =>
        T.LinesAreContiguous ? Group.IdxX % (DepthWords * TCore.Packed / 4) * 4 : Group.IdxX / (lines / 4);

    /// <summary>Where that four begins within a slice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FirstWord<TCore, T>(int lines) where TCore : struct, ITensorCore where T : struct, IMatMulOperand => T.LinesAreContiguous
        ? FirstLine<TCore, T>(lines) * Stride<TCore, T>(lines) + FirstStep<TCore, T>(lines) / TCore.Packed
        : FirstStep<TCore, T>(lines) * Stride<TCore, T>(lines) + FirstLine<TCore, T>(lines) / TCore.Packed;

    /// <summary>Lines or steps, whichever are not contiguous, between a thread's fours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Apart<TTile, TCore, T>(int lines) where TTile : struct, ITensorTile where TCore : struct, ITensorCore where T : struct, IMatMulOperand =>
        TTile.WarpsDown * TTile.WarpsAcross * 32 / (T.LinesAreContiguous ? DepthWords * TCore.Packed / 4 : lines / 4);

    /// <summary>
    /// A thread's fours of a slice, contiguous in memory. Beyond the factor's ends its last elements take their place: so nothing branches, and
    /// the values are not needed before <see cref="Store"/>, which drops those behind the last step; lines behind the last one end in rows and
    /// columns that are not written.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Read<TTile, TCore, T>(
        ArrayView<float> from, int stride, int vectors, int lines, int line, int step, int lineCount, int stepCount, ArrayView<float> next)
        where TTile : struct, ITensorTile where TCore : struct, ITensorCore where T : struct, IMatMulOperand
    {
        int outer = T.LinesAreContiguous ? line : step, lastOuter = (T.LinesAreContiguous ? lineCount : stepCount) - 1;
        int inner = T.LinesAreContiguous ? step : line, lastInner = (T.LinesAreContiguous ? stepCount : lineCount) - 1;
        if (vectors != 0)
        {
            ArrayView<Float4> fours = from.Cast<Float4>();
            inner = TCore.Here(Math.Min(inner, lastInner - 3));
            for (int i = 0; i < FourCount<TTile, TCore>(lines); i++)
            {
                Float4 four = fours[((long)Math.Min(outer + i * Apart<TTile, TCore, T>(lines), lastOuter) * stride + inner) / 4];
                next[i * 4] = four.X;
                next[i * 4 + 1] = four.Y;
                next[i * 4 + 2] = four.Z;
                next[i * 4 + 3] = four.W;
            }
        }
        else
        {
            for (int i = 0; i < FourCount<TTile, TCore>(lines); i++)
            {
                long start = (long)Math.Min(outer + i * Apart<TTile, TCore, T>(lines), lastOuter) * stride;
                next[i * 4] = from[start + Math.Min(inner, lastInner)];
                next[i * 4 + 1] = from[start + Math.Min(inner + 1, lastInner)];
                next[i * 4 + 2] = from[start + Math.Min(inner + 2, lastInner)];
                next[i * 4 + 3] = from[start + Math.Min(inner + 3, lastInner)];
            }
        }
    }

    /// <summary>Rounds those fours into a slice.</summary>
    /// <param name="word">The first's place.</param>
    /// <param name="steps">Of the factor, from the first four's on.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store<TTile, TCore, T>(ArrayView<float> next, int lines, ArrayView<int> shared, int word, int steps)
        where TTile : struct, ITensorTile where TCore : struct, ITensorCore where T : struct, IMatMulOperand
    {
        for (int i = 0; i < FourCount<TTile, TCore>(lines); i++)
        {
            int place = word + i * (Apart<TTile, TCore, T>(lines) * Stride<TCore, T>(lines));
            int left = T.LinesAreContiguous ? steps : steps - i * Apart<TTile, TCore, T>(lines);
            float x = left > 0 ? next[i * 4] : 0, y = left > Next<T>(1) ? next[i * 4 + 1] : 0;
            float z = left > Next<T>(2) ? next[i * 4 + 2] : 0, w = left > Next<T>(3) ? next[i * 4 + 3] : 0;
            if (TCore.Packed == 2)
            {
                Word2 two;
                two.X = TCore.Pack(x, y);
                two.Y = TCore.Pack(z, w);
                shared.Cast<Word2>()[place >> 1] = two;
            }
            else
            {
                Word4 four;
                four.X = TCore.Pack(x, 0);
                four.Y = TCore.Pack(y, 0);
                four.Z = TCore.Pack(z, 0);
                four.W = TCore.Pack(w, 0);
                shared.Cast<Word4>()[place >> 2] = four;
            }
        }
    }

    /// <summary>Steps that element <paramref name="i"/> of a four lies behind its first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Next<T>(int i) where T : struct, IMatMulOperand => T.LinesAreContiguous ? i : 0;

    /// <summary>Fours of a slice that one thread carries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FourCount<TTile, TCore>(int lines) where TTile : struct, ITensorTile where TCore : struct, ITensorCore =>
        lines * DepthWords * TCore.Packed / (TTile.WarpsDown * TTile.WarpsAcross * 32 * 4);

    /// <summary>The word of a slice that a lane names, or reads first, for the first fragment of its warp.</summary>
    /// <param name="line">The warp's first line.</param>
    /// <param name="lowerLines">1 where the lane names lines 8 … 15 rather than 0 … 7 of a fragment.</param>
    /// <param name="laterWords">1 where it names words 4 … 7 of depth rather than 0 … 3.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int OwnWord<TCore, T>(int lines, int line, int lowerLines, int laterWords) where TCore : struct, ITensorCore where T : struct, IMatMulOperand
    {
        int lane = Group.IdxX % 32, stride = Stride<TCore, T>(lines);
        return T.LinesAreContiguous ? (line + lane % 8 + lowerLines * 8) * stride + laterWords * 4
            : TCore.Packed == 2 ? (lane % 8 + laterWords * 8) * stride + line / 2 + lowerLines * 4
            : lane % 4 * stride + line + lane / 4;
    }

    /// <summary>The fragment of 16 lines and 8 words of depth, as <see cref="ITensorCore.MultiplyAdd"/> wants it of either factor.</summary>
    /// <param name="own">From <see cref="OwnWord"/>, within shared memory.</param>
    /// <param name="fragment">Which 16 lines of the warp's, and which fragment of the part.</param>
    /// <param name="word">First word of depth within the slice.</param>
    /// <param name="lowerLines">Register of lines 8 … 15 and words 0 … 3; 3 less this is that of lines 0 … 7 and words 4 … 7.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void LoadPart<TCore, T>(
        ArrayView<int> shared, int address, int own, int lines, int fragment, int word, int lowerLines, ArrayView<int> part, ArrayView<int> exchange)
        where TCore : struct, ITensorCore where T : struct, IMatMulOperand
    {
        int stride = Stride<TCore, T>(lines);
        if (T.LinesAreContiguous)
        {
            TCore.Load(shared, address, own + fragment * (16 * stride) + word, part, fragment * 4, exchange);
        }
        else
        {
            int from = own + word * (TCore.Packed * stride) + fragment * (16 / TCore.Packed);
            TCore.LoadSteps(shared, address, from, stride, lowerLines, part, fragment * 4, exchange);
        }
    }

    /// <summary>
    /// Carries a block's sums through shared memory to c, the rows of one row of warps at a time, so that neighbouring threads write
    /// neighbours and nothing depends on a row or column while sums are named: that would keep them out of registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<TTile, TCore>(ArrayView<float> sums, ArrayView<float> shared, ArrayView<float> c, MatMulCall call, int firstRow, int firstColumn)
        where TTile : struct, ITensorTile where TCore : struct, ITensorCore
    {
        int columns = TTile.WarpsAcross * TTile.WarpColumns, stride = columns + WordPadding, threads = TTile.WarpsDown * TTile.WarpsAcross * 32;
        int warp = Group.IdxX / 32, lane = Group.IdxX % 32;
        ArrayView<Float2> pairs = shared.Cast<Float2>();
        for (int down = 0; down < TTile.WarpsDown; down++)
        {
            if (warp / TTile.WarpsAcross == down)
            {
                int start = TCore.Here((lane / 4 * stride + warp % TTile.WarpsAcross * TTile.WarpColumns) / 2 + lane % 4);
                KeepLines<TTile>(sums, 0, pairs, start, stride);
                if (TTile.WarpRows > 16) KeepLines<TTile>(sums, 1, pairs, start, stride);
                if (TTile.WarpRows > 32)
                {
                    KeepLines<TTile>(sums, 2, pairs, start, stride);
                    KeepLines<TTile>(sums, 3, pairs, start, stride);
                }
            }
            Group.Barrier();
            for (int index = Group.IdxX; index < TTile.WarpRows * columns; index += threads)
            {
                int row = index / columns, column = firstColumn + index % columns;
                float sum = shared[row * stride + index % columns];
                row += firstRow + down * TTile.WarpRows;
                if (row < call.Rows && column < call.Columns)
                {
                    long at = (long)row * call.StrideC + column;
                    if (call.Add != 0) sum += c[at];
                    c[at] = sum;
                }
            }
            Group.Barrier();
        }
    }

    /// <summary>The sums of 16 rows of a warp, in shared memory. Without loops, which the assembler does not unroll where they are that long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void KeepLines<TTile>(ArrayView<float> sums, int i, ArrayView<Float2> pairs, int start, int stride) where TTile : struct, ITensorTile
    {
        int at = i * (TTile.WarpColumns / 2), place = start + i * (8 * stride);
        Keep(sums, at, pairs, place, stride);
        if (TTile.WarpColumns > 16) Keep(sums, at + 8, pairs, place + 8, stride);
        if (TTile.WarpColumns > 32)
        {
            Keep(sums, at + 16, pairs, place + 16, stride);
            Keep(sums, at + 24, pairs, place + 24, stride);
        }
    }

    /// <summary>Those of 16 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Keep(ArrayView<float> sums, int at, ArrayView<Float2> pairs, int place, int stride)
    {
        KeepPair(sums, at, pairs, place);
        KeepPair(sums, at + 2, pairs, place + 4 * stride);
        KeepPair(sums, at + 4, pairs, place + 4);
        KeepPair(sums, at + 6, pairs, place + 4 + 4 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void KeepPair(ArrayView<float> sums, int at, ArrayView<Float2> pairs, int place)
    {
        Float2 pair;
        pair.X = sums[at];
        pair.Y = sums[at + 1];
        pairs[place] = pair;
    }
}
