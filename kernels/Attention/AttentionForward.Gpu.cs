using DistillEngine.Core;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Device code of attention's forward. Scores never leave the registers of the thread whose query they belong to.</summary>
/// <remarks>Source of the running softmax: arXiv:2205.14135 algorithm 1.</remarks>
static class AttentionForward
{
    /// <summary>
    /// One group a sequence, head and share of the queries, <see cref="IAttentionShape.RowThreads"/> threads a query: its row and its result stay
    /// in registers while tiles of keys and values pass through shared memory, from where all threads read the same four floats at a time. Bound by
    /// FMA throughput, 4 · keys flops an element of q. Sums are float32 along the keys in order.
    /// </summary>
    public static void ByQuery<TShape>(ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<int> spans, ArrayView<float> table,
        ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> y, ArrayView<float> logSumExp) where TShape : struct, IAttentionShape
    {
        ArrayView<float> keys = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        ArrayView<float> values = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Width);
        var query = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        var result = LocalMemory.Allocate1D<float>(TShape.Width / TShape.RowThreads);
        // Not registers: the loop over a tile's rows is too long to unroll, and only constants name registers.
        ArrayView<float> scores = SharedMemory.Allocate<float>(TShape.TileRows * TShape.Threads);
        int rows = TShape.Threads / TShape.RowThreads;
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        for (int first = Grid.IdxY * rows; first < span.QueryCount; first += Grid.DimY * rows)
        {
            ThreadQuery own = ThreadQuery.Of(span, first, AttentionRows<TShape>.Own(), rows, n);
            bool isActive = own.Index < span.QueryCount;
            AttentionRows<TShape>.Load(q, span.Query(own.Index, n), isActive, n, query);
            AttentionRows<TShape>.Clear(result);
            float max = float.NegativeInfinity, sum = 0;
            for (int tile = 0; tile < own.Reach; tile += TShape.TileRows)
            {
                AttentionRows<TShape>.LoadTiles(k, v, span.Key(tile, n), span.KeyCount - tile, n, keys, values);
                float greatest = max;
                for (int j = 0; j < TShape.TileRows; j++)
                {
                    float score = AttentionRows<TShape>.Dot(query, keys, j);
                    if (tile + j < own.Visible)
                    {
                        score += n.Bias(table, bucketOfDistance, tile + j - span.QueryPosition - own.Index, span.Head);
                        greatest = DeviceMath.Max(greatest, score);
                    }
                    scores[j * TShape.Threads + Group.IdxX] = score;
                }
                if (greatest > max)
                {
                    float scale = DeviceMath.Exp(max - greatest);
                    sum *= scale;
                    AttentionRows<TShape>.Scale(result, scale);
                }
                max = greatest;
                for (int j = 0; j < TShape.TileRows; j++)
                {
                    float weight = tile + j < own.Visible ? DeviceMath.Exp(scores[j * TShape.Threads + Group.IdxX] - max) : 0;
                    sum += weight;
                    AttentionRows<TShape>.AddScaled(weight * n.Keep(own.RowKey, span.Head, tile + j), values, j, result);
                }
            }
            if (isActive)
            {
                AttentionRows<TShape>.Store(result, 1 / sum, n, y, span.Query(own.Index, n));
                if (AttentionRows<TShape>.IsFirst()) logSumExp[span.Row(own.Index, n)] = (float)(max + DeviceMath.Log(sum));
            }
        }
    }

    /// <summary>
    /// For decoding, where a sequence has a query or few, and for heads too wide for registers: one group a sequence, head and share of the queries takes
    /// one query after the other, a thread a key for the scores and a thread a column for the values. Bound by the bandwidth of keys and values.
    /// </summary>
    public static void ByKey<TShape, TLanes>(ArrayView<float> q, ArrayView<float> k, ArrayView<float> v, ArrayView<int> spans, ArrayView<float> table,
        ArrayView<int> bucketOfDistance, AttentionNumbers n, ArrayView<float> y, ArrayView<float> logSumExp)
        where TShape : struct, IHeadShape where TLanes : struct, ILanes
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads), query = SharedMemory.Allocate<float>(TShape.Width);
        ArrayView<float> weights = SharedMemory.Allocate<float>(TShape.Threads);
        // Each element belongs to one thread; registers would need a loop short enough to unroll.
        ArrayView<float> result = SharedMemory.Allocate<float>(TShape.Width);
        HeadSpan span = HeadSpan.Of(spans, Grid.IdxX, n.Heads);
        for (int i = Grid.IdxY; i < span.QueryCount; i += Grid.DimY)
        {
            int visible = span.Visible(i, n);
            uint rowKey = CounterRng.RowKey(span.Sequence, span.QueryPosition + i);
            Group.Barrier();
            for (int d = Group.IdxX; d < n.HeadWidth; d += TShape.Threads) query[d] = q[span.Query(i, n) + d];
            for (int d = Group.IdxX; d < TShape.Width; d += TShape.Threads) result[d] = 0;
            Group.Barrier();
            float max = float.NegativeInfinity, sum = 0;
            for (int tile = 0; tile < visible; tile += TShape.Threads)
            {
                int j = tile + Group.IdxX;
                float score = float.NegativeInfinity;
                if (j < visible)
                {
                    score = 0;
                    long key = span.Key(j, n);
                    for (int d = 0; d < n.HeadWidth; d++) score += query[d] * k[key + d];
                    score += n.Bias(table, bucketOfDistance, j - span.QueryPosition - i, span.Head);
                }
                float greatest = GroupSums<TLanes>.Max(DeviceMath.Max(score, max), shared);
                float weight = j < visible ? DeviceMath.Exp(score - greatest) : 0, scale = DeviceMath.Exp(max - greatest);
                sum = sum * scale + GroupSums<TLanes>.Sum(weight, shared);
                max = greatest;
                weights[Group.IdxX] = weight * n.Keep(rowKey, span.Head, j);
                Group.Barrier();
                int count = visible - tile < TShape.Threads ? visible - tile : TShape.Threads;
                for (int c = 0; c < (TShape.Width + TShape.Threads - 1) / TShape.Threads; c++)
                {
                    int d = c * TShape.Threads + Group.IdxX;
                    if (d < n.HeadWidth)
                    {
                        float part = result[d] * scale;
                        for (int w = 0; w < count; w++) part += weights[w] * v[span.Key(tile + w, n) + d];
                        result[d] = part;
                    }
                }
                Group.Barrier();
            }
            float inverse = 1 / sum;
            for (int c = 0; c < (TShape.Width + TShape.Threads - 1) / TShape.Threads; c++)
            {
                int d = c * TShape.Threads + Group.IdxX;
                if (d < n.HeadWidth) y[span.Query(i, n) + d] = result[d] * inverse;
            }
            if (Group.IdxX == 0) logSumExp[span.Row(i, n)] = (float)(max + DeviceMath.Log(sum));
        }
    }
}
