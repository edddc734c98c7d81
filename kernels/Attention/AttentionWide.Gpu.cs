using System.Runtime.CompilerServices;
using DistillEngine.Core;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Device code of attention's backward for heads too wide for the registers that <see cref="AttentionBackward"/> keeps rows in, by its formulas: a row
/// at a time lies in shared memory, its threads take one row of the other side each for the weights, then one column each for the sums. Every weight reads
/// its rows from memory, so these are slower. Sums are float32, along the other side in order. The forward is <see cref="AttentionForward.ByKey"/>.
/// </summary>
static class AttentionWide
{
    /// <summary>One group a sequence, head and share of the keys.</summary>
    public static void ByKey<TShape, TGradient>(ArrayView<float> dy, ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSumExp,
        ArrayView<float> deltas, ArrayView<int> spans, ArrayView<float> table, ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> gradient)
        where TShape : struct, IHeadShape where TGradient : struct, IKeyGradient
    {
        ArrayView<float> key = SharedMemory.Allocate<float>(TShape.Width), value = SharedMemory.Allocate<float>(TShape.Width);
        ArrayView<float> result = SharedMemory.Allocate<float>(TShape.Width), shares = SharedMemory.Allocate<float>(TShape.Threads);
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        for (int j = Grid.IdxY; j < span.KeyCount; j += Grid.DimY)
        {
            LoadRows<TShape>(k, v, span.Key(j, n), n, key, value, result);
            // Queries before the key do not see it.
            int start = n.IsCausal != 0 && j > span.QueryPosition ? j - span.QueryPosition : 0;
            for (int tile = start; tile < span.QueryCount; tile += TShape.Threads)
            {
                int i = tile + Group.IdxX;
                float share = 0;
                if (i < span.QueryCount)
                {
                    float score = Dot(key, q, span.Query(i, n), n) + n.Bias(table, bucketOfDistance, j - span.QueryPosition - i, span.Head);
                    float weight = DeviceMath.Exp(score - logSumExp[span.Row(i, n)]);
                    float keep = n.Keep(CounterRng.RowKey(span.Sequence, span.QueryPosition + i), span.Head, j);
                    if (TGradient.IsOfValues) share = weight * keep;
                    else share = weight * (keep * Dot(value, dy, span.Query(i, n), n) - deltas[span.Row(i, n)]);
                }
                shares[Group.IdxX] = share;
                Group.Barrier();
                int count = span.QueryCount - tile < TShape.Threads ? span.QueryCount - tile : TShape.Threads;
                if (TGradient.IsOfValues) AddRows<TShape>(shares, dy, span.Query(tile, n), count, n, result);
                else AddRows<TShape>(shares, q, span.Query(tile, n), count, n, result);
                Group.Barrier();
            }
            Store<TShape>(result, n, gradient, span.Key(j, n));
        }
    }

    /// <summary>One group a sequence, head and share of the parts. Parts, buckets and dq are <see cref="AttentionBackward.ByQuery"/>'s, a block being one
    /// query.</summary>
    public static void ByQuery<TShape>(ArrayView<float> dy, ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<float> logSumExp,
        ArrayView<float> deltas, ArrayView<int> spans, ArrayView<float> table, ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> dq,
        ArrayView<float> parts) where TShape : struct, IHeadShape
    {
        ArrayView<float> query = SharedMemory.Allocate<float>(TShape.Width), slope = SharedMemory.Allocate<float>(TShape.Width);
        ArrayView<float> result = SharedMemory.Allocate<float>(TShape.Width), shares = SharedMemory.Allocate<float>(TShape.Threads);
        ArrayView<float> bucketSums = SharedMemory.Allocate<float>(AttentionBackward.MaxBuckets);
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        for (int part = Grid.IdxY; part < AttentionBackward.QueryParts; part += Grid.DimY)
        {
            // A thread's buckets are the same throughout.
            for (int first = 0; first < AttentionBackward.MaxBuckets; first += TShape.Threads)
                if (first + Group.IdxX < AttentionBackward.MaxBuckets) bucketSums[first + Group.IdxX] = 0;
            for (int i = part; i < span.QueryCount; i += AttentionBackward.QueryParts)
            {
                int visible = span.Visible(i, n);
                uint rowKey = CounterRng.RowKey(span.Sequence, span.QueryPosition + i);
                LoadRows<TShape>(q, dy, span.Query(i, n), n, query, slope, result);
                float denominator = logSumExp[span.Row(i, n)], delta = deltas[span.Row(i, n)];
                for (int tile = 0; tile < visible; tile += TShape.Threads)
                {
                    int j = tile + Group.IdxX;
                    float share = 0;
                    if (j < visible)
                    {
                        float score = Dot(query, k, span.Key(j, n), n) + n.Bias(table, bucketOfDistance, j - span.QueryPosition - i, span.Head);
                        float dWeight = n.Keep(rowKey, span.Head, j) * Dot(slope, v, span.Key(j, n), n);
                        share = DeviceMath.Exp(score - denominator) * (dWeight - delta);
                    }
                    shares[Group.IdxX] = share;
                    Group.Barrier();
                    int count = visible - tile < TShape.Threads ? visible - tile : TShape.Threads;
                    AddRows<TShape>(shares, k, span.Key(tile, n), count, n, result);
                    if (n.HasBias != 0) AddBuckets<TShape>(shares, bucketOfDistance, tile - span.QueryPosition - i, count, n, bucketSums);
                    Group.Barrier();
                }
                if (n.FirstBucket == 0) Store<TShape>(result, n, dq, span.Query(i, n));
            }
            if (n.HasBias != 0 && part < span.QueryCount)
                AttentionBackward.AddRowSums(bucketSums, 1, TShape.Threads, part, n, parts);
        }
    }

    /// <summary>Copies a row of two tensors to shared memory and clears the result; waits before and after.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void LoadRows<TShape>(ArrayView<float> a, ArrayView<float> b, long start, AttentionNumbers n, ArrayView<float> rowA, ArrayView<float> rowB,
        ArrayView<float> result) where TShape : struct, IHeadShape
    {
        Group.Barrier();
        // As everywhere behind a barrier the same number of rounds for every thread: PoCL lets all threads into a loop that only some should enter.
        for (int first = 0; first < n.HeadWidth; first += TShape.Threads)
        {
            int d = first + Group.IdxX;
            if (d < n.HeadWidth)
            {
                rowA[d] = a[start + d];
                rowB[d] = b[start + d];
                result[d] = 0;
            }
        }
        Group.Barrier();
    }

    /// <summary>Product of a row in shared memory and one in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float Dot(ArrayView<float> row, ArrayView<float> other, long start, AttentionNumbers n)
    {
        float sum = 0;
        for (int d = 0; d < n.HeadWidth; d++) sum += row[d] * other[start + d];
        return sum;
    }

    /// <summary>result += Σ share · row over neighbouring rows in memory, a thread a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddRows<TShape>(ArrayView<float> shares, ArrayView<float> rows, long start, int count, AttentionNumbers n, ArrayView<float> result)
        where TShape : struct, IHeadShape
    {
        for (int first = 0; first < n.HeadWidth; first += TShape.Threads)
        {
            int d = first + Group.IdxX;
            if (d < n.HeadWidth)
            {
                float sum = result[d];
                for (int w = 0; w < count; w++) sum += shares[w] * rows[start + (long)w * n.Width + d];
                result[d] = sum;
            }
        }
    }

    /// <summary>Adds the scores' gradients to those of their buckets, a thread a bucket.</summary>
    /// <param name="distance">Of the first of them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddBuckets<TShape>(ArrayView<float> shares, ArrayView<int> bucketOfDistance, int distance, int count, AttentionNumbers n,
        ArrayView<float> bucketSums) where TShape : struct, IHeadShape
    {
        for (int first = 0; first < AttentionBackward.MaxBuckets; first += TShape.Threads)
        {
            int bucket = first + Group.IdxX;
            if (bucket < AttentionBackward.MaxBuckets)
            {
                float sum = bucketSums[bucket];
                for (int w = 0; w < count; w++)
                    if (bucketOfDistance[n.Entry(distance + w)] == n.FirstBucket + bucket) sum += shares[w];
                bucketSums[bucket] = sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store<TShape>(ArrayView<float> result, AttentionNumbers n, ArrayView<float> destination, long start) where TShape : struct, IHeadShape
    {
        for (int first = 0; first < n.HeadWidth; first += TShape.Threads)
        {
            int d = first + Group.IdxX;
            if (d < n.HeadWidth) destination[start + d] = result[d];
        }
    }
}
