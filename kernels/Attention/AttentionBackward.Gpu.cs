using System.Runtime.CompilerServices;
using DistillEngine.Core;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Which gradient of a key row a kernel sums: together they would not fit a thread's registers.</summary>
interface IKeyGradient
{
    /// <summary>dv; else dk.</summary>
    static abstract bool IsOfValues { get; }
}

readonly struct OfValues : IKeyGradient
{
    public static bool IsOfValues => true;
}

readonly struct OfKeys : IKeyGradient
{
    public static bool IsOfValues => false;
}

/// <summary>
/// Device code of attention's backward. Weights are recomputed from logSumExp. With δ = Σ dy · y of a query: dScore = weight ·
/// (keep · dy·v − δ), dq = Σ dScore k, dk = Σ dScore q, dv = Σ weight · keep · dy. Every sum belongs to one thread, or a few in a fixed order: no
/// atomics. Bound by FMA throughput, 16 · keys flops an element of q where 10 are the least: scores are recomputed rather than kept.
/// </summary>
/// <remarks>Source: arXiv:2205.14135 algorithm 4.</remarks>
static class AttentionBackward
{
    /// <summary>Buckets of the bias that a call sums: a group keeps one sum a bucket and query in shared memory.</summary>
    public const int MaxBuckets = 64;

    /// <summary>Parts of a sequence's queries that sum the bias's gradient for themselves: its bits then depend on no grid. A power of two.</summary>
    public const int QueryParts = 16;

    /// <summary>δ of every query row and head.</summary>
    public static void Deltas(ArrayView<float> dy, ArrayView<float> y, AttentionNumbers n, ArrayView<float> deltas)
    {
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < deltas.Length; i += stride)
        {
            long start = i * n.HeadWidth;
            float sum = 0;
            for (int d = 0; d < n.HeadWidth; d++) sum += dy[start + d] * y[start + d];
            deltas[i] = sum;
        }
    }

    /// <summary>One group a sequence, head and share of the keys, <see cref="IAttentionShape.RowThreads"/> threads a key; tiles of queries pass
    /// through shared memory.</summary>
    public static void ByKey<TShape, TGradient>(ArrayView<float> dy, ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSumExp,
        ArrayView<float> deltas, ArrayView<int> spans, ArrayView<float> table, ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> gradient)
        where TShape : struct, IAttentionShape where TGradient : struct, IKeyGradient
    {
        ArrayView<float> queries = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        ArrayView<float> slopes = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        var key = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        var value = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        var result = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        int rows = TShape.Threads / TShape.RowThreads;
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        for (int first = Grid.IdxY * rows; first < span.KeyCount; first += Grid.DimY * rows)
        {
            int j = first + AttentionRows<TShape>.Own();
            bool isActive = j < span.KeyCount;
            AttentionRows<TShape>.Load(k, span.Key(j, n), isActive, n, key);
            if (!TGradient.IsOfValues) AttentionRows<TShape>.Load(v, span.Key(j, n), isActive, n, value);
            AttentionRows<TShape>.Clear(result);
            // Queries before the group's first key do not see any of its keys.
            int start = n.IsCausal != 0 && first > span.QueryPosition ? first - span.QueryPosition : 0;
            for (int tile = start; tile < span.QueryCount; tile += TShape.TileRows)
            {
                AttentionRows<TShape>.LoadTiles(q, dy, span.Query(tile, n), span.QueryCount - tile, n, queries, slopes);
                for (int t = 0; t < TShape.TileRows; t++)
                {
                    int i = tile + t;
                    // Threads that share a row exchange their parts of a product, so that none may be missing from it.
                    float product = AttentionRows<TShape>.Dot(key, queries, t);
                    float dProduct = TGradient.IsOfValues ? 0 : AttentionRows<TShape>.Dot(value, slopes, t);
                    if (isActive && i < span.QueryCount && j < span.Visible(i, n))
                    {
                        float score = product + n.Bias(table, bucketOfDistance, j - span.QueryPosition - i, span.Head);
                        float weight = DeviceMath.Exp(score - logSumExp[span.Row(i, n)]);
                        float keep = n.Keep(CounterRng.RowKey(span.Sequence, span.QueryPosition + i), span.Head, j);
                        if (TGradient.IsOfValues)
                        {
                            AttentionRows<TShape>.AddScaled(weight * keep, slopes, t, result);
                        }
                        else
                        {
                            AttentionRows<TShape>.AddScaled(weight * (keep * dProduct - deltas[span.Row(i, n)]), queries, t, result);
                        }
                    }
                }
            }
            if (isActive) AttentionRows<TShape>.Store(result, 1, n, gradient, span.Key(j, n));
        }
    }

    /// <summary>One group a sequence, head and share of the <see cref="QueryParts"/>, <see cref="IAttentionShape.RowThreads"/> threads a query, the first
    /// of which has a sum a bucket of the bias's gradient; they are added in order at the end of a part. Blocks of as many queries as a group takes at a
    /// time belong to the parts in turns. A call sums the buckets from <see cref="AttentionNumbers.FirstBucket"/> on, as many as shared memory holds, and
    /// the call that begins at 0 writes dq. That may be dy: a thread has read its part of a row before it writes it.</summary>
    /// <param name="parts">[sequences · heads, <see cref="QueryParts"/>, buckets]; written where there is a bias, for the parts that have queries.</param>
    public static void ByQuery<TShape>(ArrayView<float> dy, ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSumExp,
        ArrayView<float> deltas, ArrayView<int> spans, ArrayView<float> table, ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> dq,
        ArrayView<float> parts) where TShape : struct, IAttentionShape
    {
        ArrayView<float> keys = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        ArrayView<float> values = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        ArrayView<float> bucketSums = SharedMemory.Allocate<float>(MaxBuckets * (TShape.Threads / TShape.RowThreads));
        var query = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        var slope = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        var result = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        int rows = TShape.Threads / TShape.RowThreads, row = AttentionRows<TShape>.Own();
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        bool sumsBuckets = n.HasBias != 0 && AttentionRows<TShape>.IsFirst();
        for (int part = Grid.IdxY; part < QueryParts; part += Grid.DimY)
        {
            if (sumsBuckets)
                for (int bucket = 0; bucket < MaxBuckets; bucket++) bucketSums[bucket * rows + row] = 0;
            for (int first = part * rows; first < span.QueryCount; first += QueryParts * rows)
            {
                ThreadQuery own = ThreadQuery.Of(span, first, row, rows, n);
                bool isActive = own.Index < span.QueryCount;
                AttentionRows<TShape>.Load(q, span.Query(own.Index, n), isActive, n, query);
                AttentionRows<TShape>.Load(dy, span.Query(own.Index, n), isActive, n, slope);
                AttentionRows<TShape>.Clear(result);
                float denominator = isActive ? logSumExp[span.Row(own.Index, n)] : 0, delta = isActive ? deltas[span.Row(own.Index, n)] : 0;
                for (int tile = 0; tile < own.Reach; tile += TShape.TileRows)
                {
                    AttentionRows<TShape>.LoadTiles(k, v, span.Key(tile, n), span.KeyCount - tile, n, keys, values);
                    for (int t = 0; t < TShape.TileRows; t++)
                    {
                        int j = tile + t;
                        float product = AttentionRows<TShape>.Dot(query, keys, t), dProduct = AttentionRows<TShape>.Dot(slope, values, t);
                        if (j < own.Visible)
                        {
                            int distance = j - span.QueryPosition - own.Index;
                            float score = product + n.Bias(table, bucketOfDistance, distance, span.Head);
                            float weight = DeviceMath.Exp(score - denominator);
                            float dWeight = n.Keep(own.RowKey, span.Head, j) * dProduct;
                            float dScore = weight * (dWeight - delta);
                            AttentionRows<TShape>.AddScaled(dScore, keys, t, result);
                            if (sumsBuckets)
                            {
                                int bucket = bucketOfDistance[n.Entry(distance)] - n.FirstBucket;
                                if (bucket >= 0 && bucket < MaxBuckets) bucketSums[bucket * rows + row] += dScore;
                            }
                        }
                    }
                }
                if (isActive && n.FirstBucket == 0) AttentionRows<TShape>.Store(result, 1, n, dq, span.Query(own.Index, n));
            }
            if (n.HasBias != 0 && part * rows < span.QueryCount) AddRowSums(bucketSums, rows, TShape.Threads, part, n, parts);
        }
    }

    /// <summary>The sum of each bucket of a part over its rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddRowSums(ArrayView<float> bucketSums, int rows, int threads, int part, AttentionNumbers n, ArrayView<float> parts)
    {
        Group.Barrier();
        // The same number of rounds for every thread: PoCL lets all threads into a loop behind a barrier that only some should enter.
        for (int start = 0; start < MaxBuckets; start += threads)
        {
            int bucket = start + Group.IdxX;
            if (bucket < MaxBuckets && n.FirstBucket + bucket < n.Buckets)
            {
                float sum = 0;
                for (int row = 0; row < rows; row++) sum += bucketSums[bucket * rows + row];
                parts[((long)Grid.IdxX * QueryParts + part) * n.Buckets + n.FirstBucket + bucket] = sum;
            }
        }
        Group.Barrier();
    }

    /// <summary>The sum over the parts of a sequence's queries in their order, one thread an element of [sequences, heads · buckets].</summary>
    /// <param name="rows">Queries of a block: a sequence has no more parts than blocks.</param>
    public static void JoinParts(ArrayView<float> parts, ArrayView<int> spans, int rows, AttentionNumbers n, ArrayView<float> tablePartials)
    {
        for (int i = Grid.IdxX * Group.DimX + Group.IdxX; i < tablePartials.IntLength; i += Grid.DimX * Group.DimX)
        {
            int spanTimesHead = i / n.Buckets, bucket = i % n.Buckets, queries = spans[spanTimesHead / n.Heads * AttentionSpan.Fields + 1];
            float sum = 0;
            for (int part = 0; part < QueryParts && part * rows < queries; part++) sum += parts[((long)spanTimesHead * QueryParts + part) * n.Buckets + bucket];
            tablePartials[i] = sum;
        }
    }

    /// <summary>dTable += Σ over sequences in their order, one thread an element.</summary>
    public static void AddTable(ArrayView<float> tablePartials, int sequences, AttentionNumbers n, ArrayView<float> dTable)
    {
        for (int i = Grid.IdxX * Group.DimX + Group.IdxX; i < n.Heads * n.Buckets; i += Grid.DimX * Group.DimX)
        {
            int head = i / n.Buckets, bucket = i % n.Buckets;
            float sum = dTable[bucket * n.Heads + head];
            for (int s = 0; s < sequences; s++) sum += tablePartials[(long)s * n.Heads * n.Buckets + i];
            dTable[bucket * n.Heads + head] = sum;
        }
    }
}
