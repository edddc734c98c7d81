using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The one driver of all matrix products with many rows: c[rows, columns] = or += a[rows, depth] b[depth, columns].
/// Split: a grid over rows and columns of the result at tile bounds; each part packs what it needs and no part waits for another.
/// Memory: each factor is read once a part and packed to panels that stay in the caches; the result is read and written once a block of
/// the contracted axis. Bound: compute. Sums: float32, fused, in order of the contracted axis within pieces of <see cref="PackedWords"/> words,
/// then piece by piece; so an element's bits depend neither on the threads nor on how many other rows and columns there are.
/// </summary>
sealed unsafe class Gemm(ComputePool pool, GemmKernel kernel)
{
    /// <summary>Words of the contracted axis that are packed at a time and summed in registers, before the sum is added to the result, which
    /// passes through the caches once for so many. A constant, because it decides the order of the sum.</summary>
    public const int PackedWords = 512;

    // Columns per packed block of the right factor, 2 MiB: it stays in the outer caches while the row blocks pass. A multiple of every tile's.
    const int ColumnBlock = 1024;

    // Row panels that are packed together, and steps at a time where those are contiguous: 4 × 12 rows are three cache lines. More steps that
    // lie a multiple of 4 KiB apart would throw each other out of the first cache; fewer cost as much to begin as to copy.
    const int PanelGroup = 4, PanelSteps = 16;

    // Least multiply-adds of a part: at 16 lanes a few microseconds, about what a run of the pool costs.
    const long LeastPartWork = 1 << 18;

    /// <summary>Bytes at the start of each thread's scratch that a product uses; what lies behind them is the caller's.</summary>
    public long ScratchBytes { get; } = sizeof(float) * (long)PackedWords * (ColumnBlock + kernel.RowBlock);

    /// <summary>The driver of the same products without rounded operands; this one where it rounds none.</summary>
    public Gemm WithFloat32Operands() => kernel.Float32 == kernel ? this : new(pool, kernel.Float32);

    /// <param name="a">Its lines are the rows of the result.</param>
    /// <param name="b">Its lines are the columns of the result.</param>
    /// <param name="depth">Length of the contracted axis; 0 gives zeros.</param>
    /// <param name="c">Rows <paramref name="stride"/> elements apart.</param>
    public void Multiply(GemmOperand a, GemmOperand b, int rows, int columns, int depth, Into into, float* c, long stride)
    {
        if (rows == 0 || columns == 0) return;
        if (depth == 0)
        {
            if (into == Into.Overwrite)
                for (int row = 0; row < rows; row++) new Span<float>(c + row * stride, columns).Clear();
            return;
        }
        var (gridRows, gridColumns) = Grid(rows, columns, Split.Parts((long)rows * columns * depth, LeastPartWork, pool.ThreadCount));
        int parts = gridRows * gridColumns;
        float** scratch = stackalloc float*[parts];
        for (int thread = 0; thread < parts; thread++) scratch[thread] = (float*)pool.ThreadScratch(thread, ScratchBytes);
        var job = new Job
        {
            Kernel = kernel,
            Scratch = scratch,
            A = a,
            B = b,
            C = c,
            Stride = stride,
            Rows = rows,
            Columns = columns,
            Depth = depth,
            Into = into,
            GridRows = gridRows,
            GridColumns = gridColumns,
        };
        // The job lies on this stack until every part is done, and the collector follows the reference in it.
        pool.Run(parts, &Part, Unsafe.AsPointer(ref job));
    }

    /// <summary>The grid whose largest part takes least time, counting tiles and, at half a multiply-add vector each, packed elements.</summary>
    (int Rows, int Columns) Grid(int rows, int columns, int parts)
    {
        long rowTiles = Tiles(rows, kernel.Rows), columnTiles = Tiles(columns, kernel.Columns);
        (int, int) best = (1, 1);
        long bestTime = long.MaxValue;
        for (int gridRows = 1; gridRows <= parts; gridRows++)
        {
            int gridColumns = parts / gridRows;
            long partRows = Tiles(rowTiles, gridRows) * kernel.Rows;
            long partColumns = Tiles(columnTiles, gridColumns) * kernel.Columns;
            long time = 2 * partRows * partColumns + kernel.Lanes * (partRows + partColumns);
            if (time < bestTime) (best, bestTime) = ((gridRows, gridColumns), time);
        }
        return best;
    }

    static long Tiles(long count, long size) => (count + size - 1) / size;

    static void Part(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        GemmKernel kernel = job.Kernel;
        var (firstRow, endRow) = Split.Range(job.Rows, kernel.Rows, part / job.GridColumns, job.GridRows);
        var (firstColumn, endColumn) = Split.Range(job.Columns, kernel.Columns, part % job.GridColumns, job.GridColumns);
        if (firstRow == endRow || firstColumn == endColumn) return;
        var blocks = new GemmBlocks(firstRow, endRow, EvenStep(endRow - firstRow, kernel.RowBlock, kernel.Rows),
            firstColumn, endColumn, EvenStep(endColumn - firstColumn, ColumnBlock, kernel.Columns), job.Depth, PackedWords * kernel.StepsPerWord);
        float* packedB = job.Scratch[thread], packedA = packedB + (long)PackedWords * ColumnBlock;
        int packedPanels = 0;
        for (GemmBlock here = blocks.First; here.Exists;)
        {
            GemmBlock next = blocks.After(here);
            packedPanels = Block(job, here, next, packB: here.Row == firstRow, keepB: here.Rows < endRow - firstRow, packedPanels, packedA, packedB);
            here = next;
        }
    }

    /// <summary>Lines a block, so that no block is much smaller than the others: whole tiles, at most <paramref name="most"/> lines.</summary>
    static int EvenStep(long lines, int most, int tile) => (int)(Tiles(Tiles(lines, Tiles(lines, most)), tile) * tile);

    /// <summary>
    /// A row block times a column block over one depth block. The first row block packs each column panel right before its use, so that a
    /// product with few rows finds it in the first cache. When the last column panel is done with a row panel, the next block's takes its
    /// place. What is packed next is asked for while a tile is multiplied.
    /// </summary>
    /// <param name="keepB">Whether other row blocks need the packed columns, too.</param>
    /// <param name="packedPanels">Row panels of this block that the block before has packed.</param>
    /// <returns>Row panels of the next block that are packed.</returns>
    static int Block(in Job job, in GemmBlock here, in GemmBlock next, bool packB, bool keepB, int packedPanels, float* packedA, float* packedB)
    {
        GemmKernel kernel = job.Kernel;
        int words = (int)Tiles(here.Depth, kernel.StepsPerWord), tileRows = kernel.Rows, tileColumns = kernel.Columns;
        int panels = (int)Tiles(here.Rows, tileRows), nextPanels = (int)Tiles(next.Rows, tileRows);
        GemmPrefetch ahead = default;
        bool add = here.Start > 0 || job.Into == Into.Add;
        PackRows(job, here, packedPanels, panels, packedA);
        for (int column = 0; column < here.Columns; column += tileColumns)
        {
            int columns = Math.Min(tileColumns, here.Columns - column), nextColumn = column + tileColumns;
            bool isLast = nextColumn >= here.Columns;
            // Columns that no further row block needs take turns in two places, which stay in the second cache.
            float* b = packedB + (long)(keepB ? column : column / tileColumns % 2 * tileColumns) * PackedWords;
            if (packB) kernel.PackColumns(job.B, here.Column + column, columns, here.Start, here.Depth, b);
            if (packB && !isLast)
                ahead = new(job.B, here.Column + nextColumn, Math.Min(here.Columns - nextColumn, tileColumns), here.Start, here.Depth);
            float* c = job.C + here.Row * job.Stride + here.Column + column;
            for (int panel = 0; panel < panels; panel++, c += tileRows * job.Stride)
            {
                int rows = Math.Min(tileRows, here.Rows - panel * tileRows);
                if (isLast && panel % PanelGroup == 0) ahead = Rows(job, next, panel);
                kernel.Multiply(packedA + (long)panel * tileRows * PackedWords, b, rows, columns, words, add, c, job.Stride, ref ahead);
                if (isLast && (panel % PanelGroup == PanelGroup - 1 || panel == panels - 1))
                    PackRows(job, next, panel / PanelGroup * PanelGroup, Math.Min(panel + 1, nextPanels), packedA);
            }
        }
        return Math.Min(panels, nextPanels);
    }

    /// <summary>Packs row panels. Where a step of all rows is contiguous, few steps of a group of panels at a time: else a cache line that
    /// two panels share would come and go twice, and steps a multiple of 4 KiB apart would throw each other out.</summary>
    static void PackRows(in Job job, in GemmBlock block, int firstPanel, int endPanel, float* packedA)
    {
        GemmKernel kernel = job.Kernel;
        int piece = job.A.LinesAreContiguous ? block.Depth : PanelSteps;
        for (int group = firstPanel; group < endPanel; group += PanelGroup)
            for (int step = 0; step < block.Depth; step += piece)
                for (int panel = group; panel < Math.Min(group + PanelGroup, endPanel); panel++)
                {
                    int row = panel * kernel.Rows, rows = Math.Min(kernel.Rows, block.Rows - row);
                    kernel.PackRows(job.A, block.Row + row, rows, block.Start + step, Math.Min(piece, block.Depth - step),
                        packedA + (long)row * PackedWords + step / kernel.StepsPerWord * kernel.PanelRows(rows));
                }
    }

    /// <summary>The rows of a group of panels.</summary>
    static GemmPrefetch Rows(in Job job, in GemmBlock block, int panel)
    {
        int row = panel * job.Kernel.Rows;
        return new(job.A, block.Row + row, Math.Clamp(block.Rows - row, 0, PanelGroup * job.Kernel.Rows), block.Start, block.Depth);
    }

    struct Job
    {
        public GemmKernel Kernel;
        public float** Scratch;
        public GemmOperand A, B;
        public float* C;
        public long Stride;
        public int Rows, Columns, Depth, GridRows, GridColumns;
        public Into Into;
    }
}
