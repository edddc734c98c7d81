using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The one driver of all matrix products with many rows: c[rows, columns] = or += a[rows, depth] b[depth, columns].
/// Split: a grid over rows and columns of the result at tile bounds; each part packs what it needs and no part waits for another.
/// Memory: each factor is read once a part and packed to panels that stay in the caches; the result is read and written once a block of
/// the contracted axis. Bound: compute. Sums: float32, fused, in order of the contracted axis within blocks of <see cref="BlockWords"/> words,
/// then block by block; so an element's bits depend neither on the threads nor on how many other rows and columns there are.
/// </summary>
sealed unsafe class Gemm(ComputePool pool, GemmKernel kernel)
{
    /// <summary>Words of the contracted axis at a time: a panel of the right factor (32 KiB at 16 lanes) stays in the first cache while
    /// all row panels pass. A constant, because it decides the order of the sum.</summary>
    public const int BlockWords = 256;

    // Columns per packed block of the right factor, 1 MiB: it stays in the outer caches while the row blocks pass. A multiple of every tile's.
    const int ColumnBlock = 1024;

    // Least multiply-adds of a part: at 16 lanes a few microseconds, about what a run of the pool costs.
    const long LeastPartWork = 1 << 18;

    /// <summary>Bytes at the start of each thread's scratch that a product uses; what lies behind them is the caller's.</summary>
    public long ScratchBytes { get; } = sizeof(float) * (long)BlockWords * (ColumnBlock + kernel.RowBlock);

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
        float* packedB = job.Scratch[thread];
        float* packedA = packedB + (long)BlockWords * ColumnBlock;
        int blockDepth = BlockWords * kernel.StepsPerWord;
        long columnStep = EvenStep(endColumn - firstColumn, ColumnBlock, kernel.Columns), rowStep = EvenStep(endRow - firstRow, kernel.RowBlock, kernel.Rows);
        for (long column = firstColumn; column < endColumn; column += columnStep)
        {
            int columns = (int)Math.Min(columnStep, endColumn - column);
            for (int start = 0; start < job.Depth; start += blockDepth)
            {
                int depth = Math.Min(blockDepth, job.Depth - start);
                for (long row = firstRow; row < endRow; row += rowStep)
                {
                    int rows = (int)Math.Min(rowStep, endRow - row);
                    var (nextRow, nextStart) = row + rowStep < endRow ? (row + rowStep, start) : (firstRow, start + depth);
                    var nextA = new GemmPrefetch(job.A, nextRow, (int)Math.Min(rowStep, endRow - nextRow), nextStart,
                        Math.Min(blockDepth, job.Depth - nextStart), Tiles(rows, kernel.Rows) * Tiles(columns, kernel.Columns));
                    Block(job, row, rows, column, columns, start, depth, packB: row == firstRow, nextA, packedA, packedB);
                }
            }
        }
    }

    /// <summary>Lines a block, so that no block is much smaller than the others: whole tiles, at most <paramref name="most"/> lines.</summary>
    static long EvenStep(long lines, int most, int tile) => Tiles(Tiles(lines, Tiles(lines, most)), tile) * tile;

    /// <summary>A row block times a column block over one depth block. The first row block packs each column panel right before its use,
    /// so that a product with few rows finds it in the first cache.</summary>
    static void Block(in Job job, long firstRow, int rows, long firstColumn, int columns, int start, int depth, bool packB,
        GemmPrefetch nextA, float* packedA, float* packedB)
    {
        GemmKernel kernel = job.Kernel;
        int words = (int)Tiles(depth, kernel.StepsPerWord), tileRows = kernel.Rows, tileColumns = kernel.Columns;
        bool add = start > 0 || job.Into == Into.Add;
        for (int row = 0; row < rows; row += tileRows)
            kernel.PackRows(job.A, firstRow + row, Math.Min(tileRows, rows - row), start, depth, packedA + (long)row * words);
        for (int column = 0; column < columns; column += tileColumns)
        {
            int count = Math.Min(tileColumns, columns - column);
            float* b = packedB + (long)column * words;
            if (packB) kernel.PackColumns(job.B, firstColumn + column, count, start, depth, b);
            int nextColumn = column + tileColumns;
            var nextB = new GemmPrefetch(job.B, firstColumn + nextColumn, packB ? Math.Clamp(columns - nextColumn, 0, tileColumns) : 0, start,
                depth, Tiles(rows, tileRows));
            float* c = job.C + firstRow * job.Stride + firstColumn + column;
            for (int row = 0; row < rows; row += tileRows, c += tileRows * job.Stride)
            {
                nextA.Next();
                nextB.Next();
                kernel.Multiply(packedA + (long)row * words, b, Math.Min(tileRows, rows - row), count, words, add, c, job.Stride);
            }
        }
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
