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
/// (keep · dy·v − δ), dq = Σ dScore k, dk = Σ dScore q, dv = Σ weight · keep · dy. Every sum belongs to one thread: no atomics. Bound by
/// FMA throughput, 16 · keys flops an element of q where 10 are the least: scores are recomputed rather than kept.
/// </summary>
/// <remarks>Source: arXiv:2205.14135 algorithm 4.</remarks>
static class AttentionBackward
{
    /// <summary>Most buckets of the bias: a group keeps one sum a bucket and thread in shared memory.</summary>
    public const int MaxBuckets = 64;

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

    /// <summary>One group a sequence, head and share of the keys, one thread a key; tiles of queries pass through shared memory.</summary>
    public static void ByKey<TShape, TGradient>(ArrayView<float> dy, ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSumExp,
        ArrayView<float> deltas, ArrayView<int> spans, ArrayView<float> table, ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> gradient)
        where TShape : struct, IAttentionShape where TGradient : struct, IKeyGradient
    {
        ArrayView<float> queries = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width), slopes = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        var key = LocalMemory.Allocate1D<float>(TShape.Width);
        var value = LocalMemory.Allocate1D<float>(TShape.Width);
        var result = LocalMemory.Allocate1D<float>(TShape.Width);
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        for (int first = Grid.IdxY * TShape.Threads; first < span.KeyCount; first += Grid.DimY * TShape.Threads)
        {
            int j = first + Group.IdxX;
            bool isActive = j < span.KeyCount;
            for (int d = 0; d < TShape.Width; d++)
            {
                bool isInside = isActive && d < n.HeadWidth;
                key[d] = isInside ? k[span.Key(j, n) + d] : 0;
                value[d] = isInside && !TGradient.IsOfValues ? v[span.Key(j, n) + d] : 0;
                result[d] = 0;
            }
            // Queries before the group's first key do not see any of its keys.
            int start = n.IsCausal != 0 && first > span.QueryPosition ? first - span.QueryPosition : 0;
            for (int tile = start; tile < span.QueryCount; tile += TShape.TileRows)
            {
                LoadQueries<TShape>(q, dy, span, n, tile, queries, slopes);
                for (int t = 0; t < TShape.TileRows; t++)
                {
                    int i = tile + t;
                    if (isActive && i < span.QueryCount && j < span.Visible(i, n))
                    {
                        float score = AttentionForward.Dot<TShape>(key, queries, t) + n.Bias(table, bucketOfDistance, j - span.QueryPosition - i, span.Head);
                        float weight = DeviceMath.Exp(score - logSumExp[span.Row(i, n)]);
                        float keep = n.Keep(CounterRng.RowKey(span.Sequence, span.QueryPosition + i), span.Head, j);
                        if (TGradient.IsOfValues)
                        {
                            AttentionForward.AddScaled<TShape>(weight * keep, slopes, t, result);
                        }
                        else
                        {
                            float dWeight = keep * AttentionForward.Dot<TShape>(value, slopes, t);
                            AttentionForward.AddScaled<TShape>(weight * (dWeight - deltas[span.Row(i, n)]), queries, t, result);
                        }
                    }
                }
            }
            if (isActive)
            {
                for (int d = 0; d < TShape.Width; d++)
                    if (d < n.HeadWidth) gradient[span.Key(j, n) + d] = result[d];
            }
        }
    }

    /// <summary>One group a sequence and head, one thread a query, and each thread a sum a bucket of the bias's gradient, which are added in
    /// order at the end. dq may be dy: a thread has read its row before it writes it.</summary>
    /// <param name="tablePartials">[sequences, heads · buckets]; written where there is a bias.</param>
    public static void ByQuery<TShape>(ArrayView<float> dy, ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSumExp,
        ArrayView<float> deltas, ArrayView<int> spans, ArrayView<float> table, ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> dq,
        ArrayView<float> tablePartials) where TShape : struct, IAttentionShape
    {
        ArrayView<float> keys = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width), values = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        ArrayView<float> bucketSums = SharedMemory.Allocate<float>(MaxBuckets * TShape.Threads);
        var query = LocalMemory.Allocate1D<float>(TShape.Width);
        var slope = LocalMemory.Allocate1D<float>(TShape.Width);
        var result = LocalMemory.Allocate1D<float>(TShape.Width);
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        if (n.HasBias != 0)
            for (int bucket = 0; bucket < n.Buckets; bucket++) bucketSums[bucket * TShape.Threads + Group.IdxX] = 0;
        for (int first = 0; first < span.QueryCount; first += TShape.Threads)
        {
            int i = first + Group.IdxX;
            bool isActive = i < span.QueryCount;
            int last = first + TShape.Threads < span.QueryCount ? first + TShape.Threads - 1 : span.QueryCount - 1;
            int reach = span.Visible(last, n), visible = isActive ? span.Visible(i, n) : 0;
            uint rowKey = CounterRng.RowKey(span.Sequence, span.QueryPosition + i);
            for (int d = 0; d < TShape.Width; d++)
            {
                bool isInside = isActive && d < n.HeadWidth;
                query[d] = isInside ? q[span.Query(i, n) + d] : 0;
                slope[d] = isInside ? dy[span.Query(i, n) + d] : 0;
                result[d] = 0;
            }
            float denominator = isActive ? logSumExp[span.Row(i, n)] : 0, delta = isActive ? deltas[span.Row(i, n)] : 0;
            for (int tile = 0; tile < reach; tile += TShape.TileRows)
            {
                AttentionForward.LoadKeys<TShape>(k, v, span, n, tile, keys, values);
                for (int t = 0; t < TShape.TileRows; t++)
                {
                    int j = tile + t;
                    if (j < visible)
                    {
                        int distance = j - span.QueryPosition - i;
                        float score = AttentionForward.Dot<TShape>(query, keys, t) + n.Bias(table, bucketOfDistance, distance, span.Head);
                        float weight = DeviceMath.Exp(score - denominator);
                        float dWeight = n.Keep(rowKey, span.Head, j) * AttentionForward.Dot<TShape>(slope, values, t);
                        float dScore = weight * (dWeight - delta);
                        AttentionForward.AddScaled<TShape>(dScore, keys, t, result);
                        if (n.HasBias != 0) bucketSums[bucketOfDistance[n.Entry(distance)] * TShape.Threads + Group.IdxX] += dScore;
                    }
                }
            }
            if (isActive)
            {
                for (int d = 0; d < TShape.Width; d++)
                    if (d < n.HeadWidth) dq[span.Query(i, n) + d] = result[d];
            }
        }
        Group.Barrier();
        // The same number of rounds for every thread: PoCL lets all threads into a loop behind a barrier that only some should enter.
        for (int bucket = Group.IdxX; bucket < MaxBuckets; bucket += TShape.Threads)
        {
            if (bucket < n.Buckets)
            {
                float sum = 0;
                for (int thread = 0; thread < TShape.Threads; thread++) sum += bucketSums[bucket * TShape.Threads + thread];
                tablePartials[(long)Grid.IdxX * n.Buckets + bucket] = sum;
            }
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void LoadQueries<TShape>(ArrayView<float> q, ArrayView<float> dy, HeadSpan span, AttentionNumbers n, int tile, ArrayView<float> queries, ArrayView<float> slopes)
        where TShape : struct, IAttentionShape
    {
        Group.Barrier();
        for (int e = Group.IdxX; e < TShape.TileRows * TShape.Width; e += TShape.Threads)
        {
            int i = tile + e / TShape.Width, d = e % TShape.Width;
            bool isInside = i < span.QueryCount && d < n.HeadWidth;
            queries[e] = isInside ? q[span.Query(i, n) + d] : 0;
            slopes[e] = isInside ? dy[span.Query(i, n) + d] : 0;
        }
        Group.Barrier();
    }
}
