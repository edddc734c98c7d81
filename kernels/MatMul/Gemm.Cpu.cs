using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The one driver of all matrix products with many rows: c[rows, columns] = or += a[rows, depth] b[depth, columns].
/// Split: a grid over rows and columns of the result at tile bounds; each part packs what it needs and no part waits for another.
/// Memory: each factor is read once a part and packed to panels that stay in the caches; the result is read and written once a block of
/// the contracted axis. Bound: compute. Sums: float32, fused, in order of the contracted axis within blocks of <see cref="DepthBlock"/>,
/// then block by block; so an element's bits depend neither on the threads nor on how many other rows and columns there are.
/// </summary>
static unsafe class Gemm<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Steps of the contracted axis at a time: a panel of the right factor (32 KiB at 16 lanes) stays in the first cache while
    /// all row panels pass. A constant, because it decides the order of the sum.</summary>
    const int DepthBlock = 256;

    // Row block × depth block is 192 KiB and stays in the second cache beside the panels; a multiple of both tile heights, 8 and 6.
    const int RowBlock = 192;

    // Columns per packed block of the right factor, 1 MiB: it stays in the outer caches while the row blocks pass.
    const int ColumnBlock = 1024;

    // Below 2¹⁸ multiply-adds a part costs less than waking a thread for it.
    const long LeastPartWork = 1 << 18;

    /// <summary>Bytes at the start of each thread's scratch that a product uses; what lies behind them is the caller's.</summary>
    public const long ScratchBytes = sizeof(float) * (long)DepthBlock * (ColumnBlock + RowBlock);

    /// <param name="a">Its lines are the rows of the result.</param>
    /// <param name="b">Its lines are the columns of the result.</param>
    /// <param name="depth">Length of the contracted axis; 0 gives zeros.</param>
    /// <param name="c">Rows <paramref name="stride"/> elements apart.</param>
    public static void Multiply(ComputePool pool, GemmOperand a, GemmOperand b, int rows, int columns, int depth, Into into, float* c, long stride)
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
        float** scratch = stackalloc float*[Math.Min(parts, pool.ThreadCount)];
        for (int thread = 0; thread < Math.Min(parts, pool.ThreadCount); thread++) scratch[thread] = (float*)pool.ThreadScratch(thread, ScratchBytes);
        var job = new Job
        {
            Scratch = scratch, A = a, B = b, C = c, Stride = stride, Rows = rows, Columns = columns, Depth = depth, Into = into,
            GridRows = gridRows, GridColumns = gridColumns,
        };
        pool.Run(parts, &Part, &job);
    }

    /// <summary>The grid whose largest part takes least time, counting tiles and, at half a multiply-add vector each, packed elements.</summary>
    static (int Rows, int Columns) Grid(int rows, int columns, int parts)
    {
        long rowTiles = Tiles(rows, GemmTile<TVector>.Rows), columnTiles = Tiles(columns, GemmTile<TVector>.Columns);
        (int, int) best = (1, 1);
        long bestTime = long.MaxValue;
        for (int gridRows = 1; gridRows <= parts; gridRows++)
        {
            int gridColumns = parts / gridRows;
            long partRows = Tiles(rowTiles, gridRows) * GemmTile<TVector>.Rows;
            long partColumns = Tiles(columnTiles, gridColumns) * GemmTile<TVector>.Columns;
            long time = 2 * partRows * partColumns + TVector.Count * (partRows + partColumns);
            if (time < bestTime) (best, bestTime) = ((gridRows, gridColumns), time);
        }
        return best;
    }

    static long Tiles(long count, int size) => (count + size - 1) / size;

    static void Part(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        var (firstRow, endRow) = Split.Range(job.Rows, GemmTile<TVector>.Rows, part / job.GridColumns, job.GridRows);
        var (firstColumn, endColumn) = Split.Range(job.Columns, GemmTile<TVector>.Columns, part % job.GridColumns, job.GridColumns);
        float* packedB = job.Scratch[thread];
        float* packedA = packedB + (long)DepthBlock * ColumnBlock;
        for (long column = firstColumn; column < endColumn; column += ColumnBlock)
        {
            int columns = (int)Math.Min(ColumnBlock, endColumn - column);
            for (int start = 0; start < job.Depth; start += DepthBlock)
                for (long row = firstRow; row < endRow; row += RowBlock)
                {
                    int rows = (int)Math.Min(RowBlock, endRow - row);
                    Block(job, row, rows, column, columns, start, packB: row == firstRow, packedA, packedB);
                }
        }
    }

    /// <summary>A row block times a column block over one depth block. The first row block packs each column panel right before its use,
    /// so that a product with few rows finds it in the first cache.</summary>
    static void Block(in Job job, long firstRow, int rows, long firstColumn, int columns, int start, bool packB, float* packedA, float* packedB)
    {
        int depth = Math.Min(DepthBlock, job.Depth - start);
        Into into = start == 0 ? job.Into : Into.Add;
        for (int row = 0; row < rows; row += GemmTile<TVector>.Rows)
        {
            int count = Math.Min(GemmTile<TVector>.Rows, rows - row);
            GemmPack<TVector>.Panel(job.A, firstRow + row, count, GemmTile<TVector>.Rows, start, depth, packedA + (long)row * depth);
        }
        for (int column = 0; column < columns; column += GemmTile<TVector>.Columns)
        {
            int count = Math.Min(GemmTile<TVector>.Columns, columns - column);
            float* b = packedB + (long)column * depth;
            if (packB) GemmPack<TVector>.Panel(job.B, firstColumn + column, count, GemmTile<TVector>.Columns, start, depth, b);
            float* c = job.C + firstRow * job.Stride + firstColumn + column;
            for (int row = 0; row < rows; row += GemmTile<TVector>.Rows, c += GemmTile<TVector>.Rows * job.Stride)
            {
                float* a = packedA + (long)row * depth;
                if (count == GemmTile<TVector>.Columns && rows - row >= GemmTile<TVector>.Rows)
                    GemmTile<TVector>.Multiply(a, b, depth, into, c, job.Stride);
                else
                    Edge(a, b, depth, into, c, job.Stride, Math.Min(rows - row, GemmTile<TVector>.Rows), count);
            }
        }
    }

    /// <summary>A tile of which only some rows and columns exist.</summary>
    [SkipLocalsInit]
    static void Edge(float* a, float* b, int depth, Into into, float* c, long stride, int rows, int columns)
    {
        float* tile = stackalloc float[GemmTile<TVector>.Rows * GemmTile<TVector>.Columns];
        GemmTile<TVector>.Multiply(a, b, depth, Into.Overwrite, tile, GemmTile<TVector>.Columns);
        for (int row = 0; row < rows; row++, c += stride, tile += GemmTile<TVector>.Columns)
            for (int column = 0; column < columns; column++)
                c[column] = into == Into.Add ? c[column] + tile[column] : tile[column];
    }

    struct Job
    {
        public float** Scratch;
        public GemmOperand A, B;
        public float* C;
        public long Stride;
        public int Rows, Columns, Depth, GridRows, GridColumns;
        public Into Into;
    }
}
