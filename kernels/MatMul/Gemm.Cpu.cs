using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The one driver of all matrix products with many rows: c[rows, columns] = or += a[rows, depth] b[depth, columns].
/// Split: a grid over rows and columns of the result at tile bounds; each part packs what it needs and no part waits for another.
/// Memory: each factor is read once a part and packed to panels that stay in the caches; the result is read and written once a block of
/// the contracted axis. Bound: compute. Sums: float32, fused, in order of the contracted axis within even blocks of at most
/// <see cref="PackedWords"/> words, then block by block; so an element's bits depend neither on the threads nor on how many other rows and columns there are.
/// </summary>
sealed unsafe class Gemm(ComputePool pool, GemmKernel kernel)
{
    /// <summary>Most words of the contracted axis that are packed at a time and summed in registers, before the sum is added to the result, which
    /// passes through the caches once for so many; longer axes are cut into even blocks. A constant on every processor, because it decides the order of
    /// the sum; blocks of rows and columns follow the caches (<see cref="ProcessorCaches"/>).</summary>
    public const int PackedWords = 768;

    // Blocks of the contracted axis are whole multiples of it: a piece of packing, and for bfloat16 as many words.
    const int DepthGrain = 64;

    // Least multiply-adds of a part: at 16 lanes a few microseconds, about what a run of the pool costs.
    const long LeastPartWork = 1 << 18;

    /// <summary>Bytes at the start of each thread's scratch that a product uses; what lies behind them is the caller's.</summary>
    public long ScratchBytes { get; } =
        sizeof(float) * (long)PackedWords * kernel.Caches.PackedColumns + Math.Max(kernel.RowBlockBytes, sizeof(float) * (long)PackedWords * kernel.RowBlock(PackedWords));

    /// <summary>The driver of the same products without rounded operands; this one where it rounds none.</summary>
    public Gemm WithFloat32Operands() => kernel.Float32 == kernel ? this : new(pool, kernel.Float32);

    /// <summary>One product.</summary>
    public void Multiply(in GemmProduct product) => Multiply([], new(in product));

    /// <summary>
    /// Products in one run, in which no thread waits for another until its end. What a product that is cut costs beside its multiply-adds is packing:
    /// each part packs the lines of both factors that it needs. So of products that are alike each thread takes as many whole ones as all
    /// threads can have, and only the rest are cut.
    /// </summary>
    /// <param name="sum">Products with one and the same result, added to it in this order.</param>
    /// <param name="apart">Products with results of their own. No product takes the result of another one.</param>
    public void Multiply(ReadOnlySpan<GemmProduct> sum, ReadOnlySpan<GemmProduct> apart)
    {
        long work = 0;
        bool isAlike = true;
        foreach (ref readonly GemmProduct product in sum) work += ClearedOr(product);
        foreach (ref readonly GemmProduct product in apart)
        {
            work += ClearedOr(product);
            isAlike &= product.Work == apart[0].Work;
        }
        if (work == 0) return;
        int parts = Split.Parts(work, LeastPartWork, pool.ThreadCount), count = 0;
        GemmShare* shares = stackalloc GemmShare[sum.Length + apart.Length];
        foreach (ref readonly GemmProduct product in sum) shares[count++] = Cut(product, parts, firstPart: 0);
        int whole = isAlike ? apart.Length / parts * parts : 0, cut = apart.Length - whole;
        // All parts, or as many as are alike for each.
        int partsOfOne = cut > 0 && parts % cut == 0 ? parts / cut : parts;
        for (int i = 0; i < apart.Length; i++)
            shares[count++] = i < whole ? new(apart[i], 1, 1, i % parts) : Cut(apart[i], partsOfOne, (i - whole) * partsOfOne % parts);
        float** scratch = stackalloc float*[parts];
        for (int thread = 0; thread < parts; thread++) scratch[thread] = (float*)pool.ThreadScratch(thread, ScratchBytes);
        var run = new Run { Kernel = kernel, Scratch = scratch, Shares = shares, ShareCount = count };
        // It lies on this stack until every part is done, and the collector follows the reference in it.
        pool.Run(parts, &Part, Unsafe.AsPointer(ref run));
    }

    /// <summary>The product's multiply-adds; where there are none, its result is set to what the sum of nothing is.</summary>
    static long ClearedOr(in GemmProduct product)
    {
        if (product.Depth == 0 && product.Into == Into.Overwrite)
            for (int row = 0; row < product.Rows; row++) new Span<float>((float*)product.C + row * product.Stride, product.Columns).Clear();
        return product.Work;
    }

    /// <summary>The grid whose largest part takes least time, counting tiles and, at half a multiply-add vector each, packed elements. It depends on
    /// the shape of the result alone, so that products with one result are cut alike.</summary>
    GemmShare Cut(in GemmProduct product, int parts, int firstPart)
    {
        long rowTiles = Tiles(product.Rows, kernel.Rows), columnTiles = Tiles(product.Columns, kernel.Columns), bestTime = long.MaxValue;
        var (bestRows, bestColumns) = (1, 1);
        for (int gridRows = 1; gridRows <= parts; gridRows++)
        {
            int gridColumns = parts / gridRows;
            long partRows = Tiles(rowTiles, gridRows) * kernel.Rows;
            long partColumns = Tiles(columnTiles, gridColumns) * kernel.Columns;
            long time = 2 * partRows * partColumns + kernel.Lanes * (partRows + partColumns);
            if (time < bestTime) (bestRows, bestColumns, bestTime) = (gridRows, gridColumns, time);
        }
        return new(product, bestRows, bestColumns, firstPart);
    }

    static long Tiles(long count, long size) => (count + size - 1) / size;

    static void Part(void* context, int part, int thread)
    {
        ref readonly Run run = ref Unsafe.AsRef<Run>(context);
        for (int i = 0; i < run.ShareCount; i++)
        {
            ref readonly GemmShare share = ref run.Shares[i];
            int field = share.Field(part);
            if (field >= 0 && share.Product.Work > 0) Multiply(run.Kernel, share, field, run.Scratch[thread]);
        }
    }

    /// <summary>A field of a product's grid.</summary>
    static void Multiply(GemmKernel kernel, in GemmShare share, int field, float* scratch)
    {
        GemmProduct product = share.Product;
        var (firstRow, endRow) = Split.Range(product.Rows, kernel.Rows, field / share.GridColumns, share.GridRows);
        var (firstColumn, endColumn) = Split.Range(product.Columns, kernel.Columns, field % share.GridColumns, share.GridColumns);
        if (firstRow == endRow || firstColumn == endColumn) return;
        int depthStep = EvenStep(product.Depth, PackedWords * kernel.StepsPerWord, DepthGrain), rowWords = (int)Tiles(depthStep, kernel.StepsPerWord);
        var blocks = new GemmBlocks(firstRow, endRow, EvenStep(endRow - firstRow, kernel.RowBlock(rowWords), kernel.Rows),
            firstColumn, endColumn, EvenStep(endColumn - firstColumn, kernel.Caches.PackedColumns, kernel.Columns), product.Depth, depthStep);
        var packedA = new PackedRows(scratch + (long)PackedWords * kernel.Caches.PackedColumns, rowWords);
        var job = new Job
        {
            Kernel = kernel,
            A = product.A,
            B = product.B,
            C = (float*)product.C,
            Stride = product.Stride,
            Into = product.Into,
            Streams = Streams(product, depthStep),
        };
        int packedPanels = 0;
        for (GemmBlock here = blocks.First; here.Exists;)
        {
            GemmBlock next = blocks.After(here);
            packedPanels = Block(job, here, next, packB: here.Row == firstRow, keepB: here.Rows < endRow - firstRow, packedPanels, packedA, scratch);
            here = next;
        }
        // What other threads read of the result must not come before it.
        if (job.Streams) Sse.StoreFence();
    }

    /// <summary>Whether a result is written past the caches: whole lines of it at once, or the processor reads them after all.</summary>
    static bool Streams(in GemmProduct product, int depthStep) =>
        product.IsReadLate && product.Into == Into.Overwrite && depthStep >= product.Depth && Sse.IsSupported
        && ((product.C | product.Stride * sizeof(float)) & (GemmPrefetch.CacheLine - 1)) == 0
        && sizeof(float) * product.Rows * product.Stride >= ProcessorCaches.Machine.Second.Bytes / 2;

    /// <summary>Lines a block, so that no block is much smaller than the others: whole tiles, at most <paramref name="most"/> lines.</summary>
    static int EvenStep(long lines, int most, int tile) => (int)(Tiles(Tiles(lines, Tiles(lines, most)), tile) * tile);

    /// <summary>
    /// A row block times a column block over one depth block. Nothing but its first panels is packed at once: what comes next is asked for
    /// piece by piece while a tile is multiplied, and packed behind it, so that its cache lines, which often lie a power of two apart, need not
    /// stay together. In the first column these are the rows of the next panels, else the next column panel; in the last one the rows of the
    /// next block, which take the place of panels that are done.
    /// </summary>
    /// <param name="keepB">Whether other row blocks need the packed columns, too.</param>
    /// <param name="packedPanels">Row panels of this block that the block before has packed: whole groups.</param>
    /// <returns>Row panels of the next block that are packed.</returns>
    [SkipLocalsInit]
    static int Block(in Job job, in GemmBlock here, in GemmBlock next, bool packB, bool keepB, int packedPanels, PackedRows packedA, float* packedB)
    {
        GemmKernel kernel = job.Kernel;
        int words = (int)Tiles(here.Depth, kernel.StepsPerWord), tileRows = kernel.Rows, tileColumns = kernel.Columns;
        int panels = (int)Tiles(here.Rows, tileRows), lastGroup = (panels - 1) / GemmKernel.PanelGroup * GemmKernel.PanelGroup, nextPacked = 0;
        Begin(packedPanels == 0 ? RowGroup(job, here, 0, packedA) : default, packB ? ColumnPanel(job, here, 0, keepB, packedB) : default);
        packedPanels = Math.Min(Math.Max(packedPanels, GemmKernel.PanelGroup), panels);
        TileCall tile;
        tile.Words = words;
        tile.StrideBytes = sizeof(float) * job.Stride;
        tile.Store = job.Streams ? TileStore.Stream : here.Start > 0 || job.Into == Into.Add ? TileStore.Add : TileStore.Overwrite;
        tile.Ahead = default;
        GemmPlan plan = default;
        for (int column = 0; column < here.Columns; column += tileColumns)
        {
            int columns = Math.Min(tileColumns, here.Columns - column), nextColumn = column + tileColumns;
            bool isLast = nextColumn >= here.Columns, packsRows = packedPanels < panels, packsNext = isLast && !packsRows;
            GemmLines nextColumns = packB && !isLast ? ColumnPanel(job, here, nextColumn, keepB, packedB) : default;
            // Packed columns that the next tiles need once more, in whatever cache they are.
            float* again = packB || !kernel.AsksForPackedColumns ? null
                : !isLast ? Panel(packedB, nextColumn / tileColumns, tileColumns, keepB) : next.Row > here.Row ? packedB : null;
            tile.A = packedA.First;
            tile.B = Panel(packedB, column / tileColumns, tileColumns, keepB);
            tile.C = job.C + here.Row * job.Stride + here.Column + column;
            for (int panel = 0; panel < panels; panel++)
            {
                if (panel % GemmKernel.PanelGroup == 0)
                {
                    int nextGroup = panel + GemmKernel.PanelGroup, tiles = Math.Min(GemmKernel.PanelGroup, panels - panel);
                    if (packsNext) plan = new(RowGroup(job, next, panel - GemmKernel.PanelGroup, packedA), panel, tiles);
                    else if (packsRows && panel < lastGroup)
                        plan = new(nextGroup < packedPanels ? default : RowGroup(job, here, nextGroup, packedA), panel, tiles);
                    else if (packsRows || panel == 0) plan = new(nextColumns, panel, panels - panel);
                }
                int tilesLeft = plan.TilesLeft(panel);
                if (plan.BeginsAt(panel)) plan.Ask(&tile.Ahead);
                else if (tilesLeft <= 0)
                {
                    if (again != null) tile.Ahead = new(again, sizeof(float) * (long)words * tileColumns);
                    again = null;
                    tilesLeft = Math.Max((packsNext ? GemmKernel.PanelGroup : panels) - panel, 1);
                }
                tile.Ahead.Spread(tilesLeft);
                bool isBottom = panel == panels - 1;
                tile.Ahead.Result = isBottom ? job.C + here.Row * job.Stride + here.Column + nextColumn : tile.C + tileRows * job.Stride;
                tile.Ahead.ResultRows = job.Streams || isBottom && isLast ? 0 : tileRows;
                kernel.Multiply(&tile, Math.Min(tileRows, here.Rows - panel * tileRows), columns);
                tile.A += tileRows * packedA.Words;
                tile.C += tileRows * job.Stride;
                if (!plan.EndsAt(panel)) continue;
                plan.Pack();
                tile.Ahead = default;
            }
            packedPanels = panels;
            if (packsNext) nextPacked = Math.Min(lastGroup, (int)Tiles(next.Rows, tileRows));
        }
        return nextPacked;
    }

    /// <summary>Packs what a block begins with. Both are asked for at once: the columns are on their way while the rows are packed.</summary>
    static void Begin(GemmLines rows, GemmLines columns)
    {
        rows.Ahead(rows.Whole).AskAll();
        columns.Ahead(columns.Whole).AskAll();
        if (rows.Whole.Depth > 0) rows.Pack(rows.Whole);
        if (columns.Whole.Depth > 0) columns.Pack(columns.Whole);
    }

    /// <summary>A group of row panels of a block, where it has one there.</summary>
    /// <param name="group">First of the panels.</param>
    static GemmLines RowGroup(in Job job, in GemmBlock block, int group, PackedRows packedA)
    {
        int row = group * job.Kernel.Rows, rows = Math.Min(GemmKernel.PanelGroup * job.Kernel.Rows, block.Rows - row);
        return row < 0 || rows <= 0 ? default
            : new(job.Kernel, job.A, isRows: true, block.Row + row, rows, block.Start, block.Depth, packedA.First + (long)row * packedA.Words, packedA.Words);
    }

    /// <summary>A column panel of a block, from its column on.</summary>
    static GemmLines ColumnPanel(in Job job, in GemmBlock block, int column, bool keep, float* packedB)
    {
        int tile = job.Kernel.Columns;
        return new(job.Kernel, job.B, isRows: false, block.Column + column, Math.Min(tile, block.Columns - column), block.Start, block.Depth,
            Panel(packedB, column / tile, tile, keep), PackedWords);
    }

    /// <summary>Columns that no further row block needs take turns in two places, which stay in the second cache.</summary>
    static float* Panel(float* packedB, int panel, int tileColumns, bool keep) =>
        packedB + (long)(keep ? panel : panel % 2) * tileColumns * PackedWords;

    /// <summary>Where packed rows lie, panel behind panel: so many words a row, those of the largest block.</summary>
    readonly struct PackedRows(float* first, int words)
    {
        public readonly float* First = first;
        public readonly int Words = words;
    }

    struct Run
    {
        public GemmKernel Kernel;
        public float** Scratch;
        public GemmShare* Shares;
        public int ShareCount;
    }

    struct Job
    {
        public GemmKernel Kernel;
        public GemmOperand A, B;
        public float* C;
        public long Stride;
        public Into Into;

        /// <summary>Whether the result is written past the caches.</summary>
        public bool Streams;
    }
}
