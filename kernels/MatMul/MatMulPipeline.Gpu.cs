using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Extents of a block of <see cref="MatMulPipeline"/>. Rows and columns of a block are multiples of 64, a warp's are powers of two, and a group
/// has at least as many threads as a block has rows, columns and <see cref="Depth"/>: then a thread's place in the swizzle is one for all
/// that it copies and all that it loads.
/// </summary>
interface IPipelineTile : ITensorTile
{
    /// <summary>Elements of the contracted axis that one slice holds: 32 or 64.</summary>
    static abstract int Depth { get; }

    /// <summary>Slices in shared memory, one of which is multiplied: 3 or 4.</summary>
    static abstract int Stages { get; }
}

/// <summary>128 × 256 by 8 warps, 144 KiB: one group a multiprocessor, the fewest loads from shared memory for a product.</summary>
readonly struct WidePipelineTile : IPipelineTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 4;
    public static int WarpRows => 64;
    public static int WarpColumns => 64;
    public static int Depth => 64;
    public static int Stages => 3;
}

/// <summary>128 × 256 by 8 warps, 96 KiB, which devices with 99 KiB a group have, too.</summary>
readonly struct ShallowPipelineTile : IPipelineTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 4;
    public static int WarpRows => 64;
    public static int WarpColumns => 64;
    public static int Depth => 32;
    public static int Stages => 4;
}

/// <summary>128 × 128 by 4 warps, 64 KiB: two groups or more a multiprocessor, one of which multiplies while another begins or ends.</summary>
readonly struct SquarePipelineTile : IPipelineTile
{
    public static int WarpsDown => 2;
    public static int WarpsAcross => 2;
    public static int WarpRows => 64;
    public static int WarpColumns => 64;
    public static int Depth => 32;
    public static int Stages => 4;
}

/// <summary>Extents of one product of rounded factors. Strides of the factors count chunks of eight elements.</summary>
struct PipelineCall
{
    public MatMulCall Product;

    /// <summary>Where the factors lie, of which inline code cannot ask their views.</summary>
    public long AddressA, AddressB;

    /// <summary>Whether the rows of c consist of whole pairs at multiples of 8 bytes.</summary>
    public int PairsC;
}

/// <summary>
/// The tiled product of two factors that lie in memory as bf16: slices are copied to shared memory without passing through registers, several
/// ahead of the one that tensor cores multiply.
/// </summary>
/// <remarks>The structure of CUTLASS's multistage products for compute capability 8.0 (NVIDIA, "Efficient GEMM in CUDA").</remarks>
static class MatMulPipeline
{
    /// <summary>Elements of 16 bytes, which one thread copies at once.</summary>
    public const int Chunk = 8;

    // Words of a chunk, and of the contracted axis in one step of the tensor cores.
    const int ChunkWords = 4, StepWords = 8;

    // Elements of the contracted axis in that step.
    const int Step = 16;

    // Rows of blocks that run side by side: they share the factors' slices in the second cache.
    const int Band = 8;

    /// <summary>Words of dynamic shared memory of a group.</summary>
    public static int SharedWords<TTile, TCore>() where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore =>
        TTile.Stages * StageWords<TTile>() + TTile.WarpsDown * TTile.WarpsAcross * TCore.ExchangeWords;

    /// <summary>
    /// One group a block of c, one warp a part of it, whose sums stay in registers, as do the fragments of two steps: one pair is multiplied
    /// while the other is loaded. One barrier a slice: behind it the next slice has arrived for all threads, and the one before it may be
    /// overwritten. Bound by the tensor cores. Sums are float32, along the steps in the order of <see cref="MatMulTensorTile"/>: each
    /// instruction adds the same 16 terms to the same sum, so the results have the same bits.
    /// </summary>
    public static void Multiply<TTile, TCore, TA, TB>(ArrayView<Word4> a, ArrayView<Word4> b, ArrayView<float> c, PipelineCall call)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore where TA : struct, IMatMulOperand where TB : struct, IMatMulOperand
    {
        int rows = TTile.WarpsDown * TTile.WarpRows, columns = TTile.WarpsAcross * TTile.WarpColumns;
        ArrayView<int> shared = SharedMemory.GetDynamic<int>();
        ArrayView<int> exchange = shared.SubView(TTile.Stages * StageWords<TTile>(), TTile.WarpsDown * TTile.WarpsAcross * TCore.ExchangeWords);
        ArrayView<float> sums = LocalMemory.Allocate<float>(TTile.WarpRows * TTile.WarpColumns / 32);
        ArrayView<int> evenA = LocalMemory.Allocate<int>(TTile.WarpRows / 4), oddA = LocalMemory.Allocate<int>(TTile.WarpRows / 4);
        ArrayView<int> evenB = LocalMemory.Allocate<int>(TTile.WarpColumns / 4), oddB = LocalMemory.Allocate<int>(TTile.WarpColumns / 4);
        TCore.Begin(exchange);
        int address = TCore.AddressOfShared(), warp = Group.IdxX / 32, lane = Group.IdxX % 32;
        int down = (call.Product.Rows + rows - 1) / rows, across = (call.Product.Columns + columns - 1) / columns;
        int firstRow = BlockRow(Grid.IdxX, down, across) * rows, firstColumn = BlockColumn(Grid.IdxX, down, across) * columns;
        int startB = SliceWords<TTile>(rows);
        int ownA = TCore.Here(OwnWord<TTile, TA>(rows, warp / TTile.WarpsAcross * TTile.WarpRows, lane / 8 % 2, lane / 16));
        int ownB = TCore.Here(startB + OwnWord<TTile, TB>(columns, warp % TTile.WarpsAcross * TTile.WarpColumns, lane / 16, lane / 8 % 2));
        int lineA = TCore.Here(firstRow + FirstLine<TTile, TA>(rows)), lineB = TCore.Here(firstColumn + FirstLine<TTile, TB>(columns));
        int stepA = TCore.Here(FirstStep<TTile, TA>(rows)), stepB = TCore.Here(FirstStep<TTile, TB>(columns));
        int toA = TCore.Here(FirstWord<TTile, TA>(rows)), toB = TCore.Here(startB + FirstWord<TTile, TB>(columns));
        Clear<TTile>(sums);
        int depth = call.Product.Depth, write = 0, read = 0;
        for (int step = 0; step < (TTile.Stages - 1) * TTile.Depth; step += TTile.Depth)
        {
            if (step < depth)
            {
                Copy<TTile, TCore, TA>(a, call.AddressA, call.Product.StrideA, rows, lineA, stepA + step, call.Product.Rows, depth,
                    shared, address, write + toA, exchange);
                Copy<TTile, TCore, TB>(b, call.AddressB, call.Product.StrideB, columns, lineB, stepB + step, call.Product.Columns, depth,
                    shared, address, write + toB, exchange);
            }
            TCore.Commit(exchange);
            write += StageWords<TTile>();
        }
        Wait<TTile, TCore>(shared, exchange);
        Group.Barrier();
        LoadParts<TTile, TCore, TA, TB>(shared, address, ownA, ownB, 0, evenA, evenB, exchange);
        for (int step = 0; step < depth; step += TTile.Depth)
        {
            for (int k = 0; k < TTile.Depth / Step; k += 2)
            {
                LoadParts<TTile, TCore, TA, TB>(shared, address, TCore.Here(read + ownA), TCore.Here(read + ownB), k + 1, oddA, oddB, exchange);
                MultiplyUpper<TTile, TCore>(sums, evenA, evenB, exchange);
                if (k == 0)
                {
                    int next = step + (TTile.Stages - 1) * TTile.Depth;
                    if (next < depth)
                    {
                        Copy<TTile, TCore, TA>(a, call.AddressA, call.Product.StrideA, rows, lineA, stepA + next, call.Product.Rows, depth,
                            shared, address, TCore.Here(write + toA), exchange);
                        Copy<TTile, TCore, TB>(b, call.AddressB, call.Product.StrideB, columns, lineB, stepB + next, call.Product.Columns, depth,
                            shared, address, TCore.Here(write + toB), exchange);
                    }
                    TCore.Commit(exchange);
                    write = Following<TTile>(write);
                }
                MultiplyLower<TTile, TCore>(sums, evenA, evenB, exchange);
                if (k + 2 == TTile.Depth / Step)
                {
                    Wait<TTile, TCore>(shared, exchange);
                    Group.Barrier();
                    read = Following<TTile>(read);
                }
                LoadParts<TTile, TCore, TA, TB>(shared, address, TCore.Here(read + ownA), TCore.Here(read + ownB), (k + 2) % (TTile.Depth / Step),
                    evenA, evenB, exchange);
                MultiplyUpper<TTile, TCore>(sums, oddA, oddB, exchange);
                MultiplyLower<TTile, TCore>(sums, oddA, oddB, exchange);
            }
        }
        if (call.PairsC != 0)
        {
            PipelineResult.Write<TTile>(sums, c, call.Product, firstRow, firstColumn);
        }
        else
        {
            // The last fragments were loaded for nothing, from where sums are now to go.
            Group.Barrier();
            MatMulTensorTile.Write<TTile, TCore>(sums, shared.Cast<float>(), c, call.Product, firstRow, firstColumn);
        }
    }

    /// <summary>Row of blocks of a group: down a band, then on to the next column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BlockRow(int group, int down, int across)
    {
        int first = group / (Band * across) * Band;
        return first + group % (Band * across) % Math.Min(Band, down - first);
    }

    /// <summary>Column of blocks of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BlockColumn(int group, int down, int across) =>
        group % (Band * across) / Math.Min(Band, down - group / (Band * across) * Band);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int SliceWords<TTile>(int lines) where TTile : struct, IPipelineTile => lines * TTile.Depth / 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int StageWords<TTile>() where TTile : struct, IPipelineTile =>
        SliceWords<TTile>(TTile.WarpsDown * TTile.WarpRows + TTile.WarpsAcross * TTile.WarpColumns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Following<TTile>(int stage) where TTile : struct, IPipelineTile =>
        stage == (TTile.Stages - 1) * StageWords<TTile>() ? 0 : stage + StageWords<TTile>();

    /// <summary>Words between neighbours in a slice: lines where they are contiguous, else steps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Stride<TTile, T>(int lines) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand =>
        (T.LinesAreContiguous ? TTile.Depth : lines) / 2;

    /// <summary>
    /// What a chunk's number in its line or step is combined with, so that eight neighbours' chunks of one number, which one matrix
    /// consists of, lie in all 32 banks. Lines of 32 elements are half as long as the banks: two neighbours fall into different halves.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Swizzle<TTile, T>(int neighbour) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand =>
        T.LinesAreContiguous && TTile.Depth == 32 ? neighbour / 2 % 4 : neighbour % 8;

    /// <summary>Chunks of a line, or of a step where lines are not contiguous.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int ChunkCount<TTile, T>(int lines) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand =>
        (T.LinesAreContiguous ? TTile.Depth : lines) / Chunk;

    /// <summary>Line of a thread's first chunk of a slice. Neighbouring threads take neighbours in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FirstLine<TTile, T>(int lines) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand => T.LinesAreContiguous
        ? Group.IdxX / ChunkCount<TTile, T>(lines)
        : Group.IdxX % ChunkCount<TTile, T>(lines) * Chunk;

    /// <summary>Step of that chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FirstStep<TTile, T>(int lines) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand => T.LinesAreContiguous
        ? Group.IdxX % ChunkCount<TTile, T>(lines) * Chunk
        : Group.IdxX / ChunkCount<TTile, T>(lines);

    /// <summary>Where that chunk goes within a slice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int FirstWord<TTile, T>(int lines) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand
    {
        int outer = Group.IdxX / ChunkCount<TTile, T>(lines), chunk = Group.IdxX % ChunkCount<TTile, T>(lines);
        return outer * Stride<TTile, T>(lines) + (chunk ^ Swizzle<TTile, T>(outer)) * ChunkWords;
    }

    /// <summary>Lines or steps, whichever are not contiguous, between a thread's chunks: a multiple of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Apart<TTile, T>(int lines) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand =>
        TTile.WarpsDown * TTile.WarpsAcross * 32 / ChunkCount<TTile, T>(lines);

    /// <summary>Queues a thread's chunks of a slice. Beyond the factor's ends zeros take their place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Copy<TTile, TCore, T>(ArrayView<Word4> from, long fromAddress, int stride, int lines, int line, int step, int lineCount, int stepCount,
        ArrayView<int> shared, int address, int word, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore where T : struct, IMatMulOperand
    {
        int outer = T.LinesAreContiguous ? line : step, outerCount = T.LinesAreContiguous ? lineCount : stepCount;
        int inner = T.LinesAreContiguous ? step : line, innerCount = T.LinesAreContiguous ? stepCount : lineCount;
        int left = inner < innerCount ? outerCount - outer : 0;
        long chunk = (long)outer * stride + inner / Chunk;
        for (int i = 0; i < lines * TTile.Depth / Chunk / (TTile.WarpsDown * TTile.WarpsAcross * 32); i++)
        {
            int before = i * Apart<TTile, T>(lines);
            TCore.Copy(from, fromAddress, chunk, left > before ? 16 : 0, shared, address, word + before * Stride<TTile, T>(lines), exchange);
            chunk += (long)Apart<TTile, T>(lines) * stride;
        }
    }

    /// <summary>Waits until the slice behind the one that is multiplied has arrived.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Wait<TTile, TCore>(ArrayView<int> shared, ArrayView<int> exchange) where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore
    {
        if (TTile.Stages == 3) TCore.WaitForAllButOne(shared, exchange);
        else TCore.WaitForAllButTwo(shared, exchange);
    }

    /// <summary>The word of a slice that a lane names for the first fragment of its warp and the first step.</summary>
    /// <param name="line">The warp's first line.</param>
    /// <param name="lowerLines">1 where the lane names lines 8 … 15 rather than 0 … 7 of a fragment.</param>
    /// <param name="laterWords">1 where it names words 4 … 7 of depth rather than 0 … 3.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int OwnWord<TTile, T>(int lines, int line, int lowerLines, int laterWords) where TTile : struct, IPipelineTile where T : struct, IMatMulOperand
    {
        int neighbour = Group.IdxX % 8;
        int outer = neighbour + (T.LinesAreContiguous ? line + lowerLines * 8 : laterWords * 8);
        int chunk = T.LinesAreContiguous ? laterWords : line / Chunk + lowerLines;
        return outer * Stride<TTile, T>(lines) + (chunk ^ Swizzle<TTile, T>(neighbour)) * ChunkWords;
    }

    /// <summary>Both factors' fragments of a step, as <see cref="ITensorCore.MultiplyAdd"/> wants them.</summary>
    /// <param name="ownA">From <see cref="OwnWord"/>, within shared memory; so with <paramref name="ownB"/>.</param>
    /// <param name="k">Step within the slice.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void LoadParts<TTile, TCore, TA, TB>(
        ArrayView<int> shared, int address, int ownA, int ownB, int k, ArrayView<int> partA, ArrayView<int> partB, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore where TA : struct, IMatMulOperand where TB : struct, IMatMulOperand
    {
        LoadLines<TTile, TCore, TA>(shared, address, ownA, TTile.WarpsDown * TTile.WarpRows, TTile.WarpRows, k, 1, partA, exchange);
        LoadLines<TTile, TCore, TB>(shared, address, ownB, TTile.WarpsAcross * TTile.WarpColumns, TTile.WarpColumns, k, 2, partB, exchange);
    }

    /// <summary>The fragments of one factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void LoadLines<TTile, TCore, T>(
        ArrayView<int> shared, int address, int own, int lines, int warpLines, int k, int lowerLines, ArrayView<int> part, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore where T : struct, IMatMulOperand
    {
        LoadPart<TTile, TCore, T>(shared, address, own, lines, 0, k, lowerLines, part, exchange);
        if (warpLines > 16) LoadPart<TTile, TCore, T>(shared, address, own, lines, 1, k, lowerLines, part, exchange);
        if (warpLines > 32)
        {
            LoadPart<TTile, TCore, T>(shared, address, own, lines, 2, k, lowerLines, part, exchange);
            LoadPart<TTile, TCore, T>(shared, address, own, lines, 3, k, lowerLines, part, exchange);
        }
    }

    /// <summary>
    /// The fragment of 16 lines and a step. The chunk's number is combined, not added: the bits that name a step, or a fragment where lines are
    /// not contiguous, are clear in <paramref name="own"/> but for the swizzle.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void LoadPart<TTile, TCore, T>(
        ArrayView<int> shared, int address, int own, int lines, int fragment, int k, int lowerLines, ArrayView<int> part, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore where T : struct, IMatMulOperand
    {
        int stride = Stride<TTile, T>(lines);
        if (T.LinesAreContiguous)
            TCore.Load(shared, address, (own ^ k * StepWords) + fragment * (16 * stride), part, fragment * 4, exchange);
        else
            TCore.LoadSteps(shared, address, (own ^ fragment * StepWords) + k * (Step * stride), stride, lowerLines, part, fragment * 4, exchange);
    }

    // Below, what takes a sum names it by a constant, in no loop: ILGPU then keeps all sums in registers. The assembler, which unrolls loops and
    // finds registers for arrays elsewhere, does neither in kernels that copy in the background.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Clear<TTile>(ArrayView<float> sums) where TTile : struct, IPipelineTile
    {
        ClearLines<TTile>(sums, 0);
        if (TTile.WarpRows > 16) ClearLines<TTile>(sums, 1);
        if (TTile.WarpRows > 32)
        {
            ClearLines<TTile>(sums, 2);
            ClearLines<TTile>(sums, 3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void ClearLines<TTile>(ArrayView<float> sums, int i) where TTile : struct, IPipelineTile
    {
        int at = i * (TTile.WarpColumns / 2);
        ClearEight(sums, at);
        if (TTile.WarpColumns > 16) ClearEight(sums, at + 8);
        if (TTile.WarpColumns > 32)
        {
            ClearEight(sums, at + 16);
            ClearEight(sums, at + 24);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void ClearEight(ArrayView<float> sums, int at)
    {
        sums[at] = 0;
        sums[at + 1] = 0;
        sums[at + 2] = 0;
        sums[at + 3] = 0;
        sums[at + 4] = 0;
        sums[at + 5] = 0;
        sums[at + 6] = 0;
        sums[at + 7] = 0;
    }

    /// <summary>The products of the upper half of the left factor's fragments.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void MultiplyUpper<TTile, TCore>(ArrayView<float> sums, ArrayView<int> partA, ArrayView<int> partB, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore
    {
        MultiplyLines<TTile, TCore>(sums, 0, partA, partB, exchange);
        if (TTile.WarpRows > 32) MultiplyLines<TTile, TCore>(sums, 1, partA, partB, exchange);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void MultiplyLower<TTile, TCore>(ArrayView<float> sums, ArrayView<int> partA, ArrayView<int> partB, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore
    {
        if (TTile.WarpRows == 32) MultiplyLines<TTile, TCore>(sums, 1, partA, partB, exchange);
        if (TTile.WarpRows > 32)
        {
            MultiplyLines<TTile, TCore>(sums, 2, partA, partB, exchange);
            MultiplyLines<TTile, TCore>(sums, 3, partA, partB, exchange);
        }
    }

    /// <summary>The products of one fragment of the left factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void MultiplyLines<TTile, TCore>(ArrayView<float> sums, int i, ArrayView<int> partA, ArrayView<int> partB, ArrayView<int> exchange)
        where TTile : struct, IPipelineTile where TCore : struct, IPipelineCore
    {
        int at = i * (TTile.WarpColumns / 2);
        TCore.MultiplyAdd(sums, at, partA, i * 4, partB, 0, exchange);
        if (TTile.WarpColumns > 16) TCore.MultiplyAdd(sums, at + 8, partA, i * 4, partB, 4, exchange);
        if (TTile.WarpColumns > 32)
        {
            TCore.MultiplyAdd(sums, at + 16, partA, i * 4, partB, 8, exchange);
            TCore.MultiplyAdd(sums, at + 24, partA, i * 4, partB, 12, exchange);
        }
    }
}
