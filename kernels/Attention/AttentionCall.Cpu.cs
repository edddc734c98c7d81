using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>What both directions share: the call as the threads see it, its checks and its scratch.</summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    Call Prepare(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias, DropoutSite dropout,
        Tensor logSumExp, string operation)
    {
        var call = new Call
        {
            Q = q.HostPointer<float>(),
            K = k.HostPointer<float>(),
            V = v.HostPointer<float>(),
            LogSumExp = logSumExp.HostPointer<float>(),
            Spans = (AttentionSpan*)spans.HostPointer<int>(),
            SpanCount = spans.Shape.D0,
            Heads = heads,
            Width = q.Shape.D1,
            HeadWidth = q.Shape.D1 / heads,
            IsCausal = masking == Masking.Causal,
            Dropout = dropout,
        };
        if (!bias.IsAbsent)
        {
            call.Table = bias.Table.HostPointer<float>();
            call.BucketOfDistance = bias.BucketOfDistance.HostPointer<int>();
            call.Buckets = bias.Table.Shape.D0;
            call.Reach = bias.Reach;
        }
        long products = 0;
        for (int s = 0; s < call.SpanCount; s++)
        {
            AttentionSpan span = call.Spans[s];
            if (!IsInside(span.QueryStart, span.QueryCount, q.Shape.D0) || !IsInside(span.KeyStart, span.KeyCount, k.Shape.D0)
                || span.QueryPosition < 0)
                throw new ArgumentException($"{operation}: '{spans.Name}' row {s} is {span}, expected at least one query and one key, "
                    + $"within {q.Shape.D0} query rows and {k.Shape.D0} key rows, at a position of at least 0.");
            call.MaxQueries = Math.Max(call.MaxQueries, span.QueryCount);
            call.MaxKeys = Math.Max(call.MaxKeys, span.KeyCount);
            products += 2L * span.QueryCount * span.KeyCount * call.Width;
        }
        call.Parts = (int)Math.Min(Split.Parts(products, LeastProducts, pool.ThreadCount), Math.Max(1, (long)call.SpanCount * heads));
        return call;
    }

    static bool IsInside(int start, int count, int rows) => start >= 0 && count > 0 && start <= rows - count;

    void ProvideScratch(ref Call call, void** scratch, long bytes)
    {
        for (int thread = 0; thread < call.Parts; thread++) scratch[thread] = pool.ThreadScratch(thread, bytes);
        call.Scratch = scratch;
    }

    static Matrix Take(ref float* next, int rows, int columns)
    {
        var taken = new Matrix(next, Tiles.Stride(columns));
        next = taken.Row(rows);
        return taken;
    }

    /// <summary>One call, on the stack of its caller. Parts are no more than threads, so part and thread agree.</summary>
    struct Call
    {
        public float* Q, K, V, Y, LogSumExp, Dy, Dq, Dk, Dv, Table, DTable, TablePartials;
        public int* BucketOfDistance;
        public AttentionSpan* Spans;
        public void** Scratch;
        public int SpanCount, Heads, Width, HeadWidth, Buckets, Reach, MaxQueries, MaxKeys, Parts, HeadParts;
        public bool IsCausal;
        public DropoutSite Dropout;

        /// <summary>How many keys, from the first, a query sees.</summary>
        public readonly int VisibleKeys(in AttentionSpan span, int query) =>
            IsCausal ? (int)Math.Min(span.KeyCount, (long)span.QueryPosition + query + 1) : span.KeyCount;

        /// <summary>Key of a query's draws and the counter of its first key.</summary>
        public readonly (uint Key, uint Counter) DropoutStream(in AttentionSpan span, int head, int query) =>
            (Dropout.Key ^ CounterRng.RowKey(span.Sequence, span.QueryPosition + query), (uint)head << HeadShift);

        /// <summary>Bucket of entry i of a span's biases by distance: key − query = i − (QueryPosition + QueryCount − 1).</summary>
        public readonly int BucketOfEntry(in AttentionSpan span, int entry) =>
            BucketOfDistance[Math.Clamp((long)entry - span.QueryPosition - span.QueryCount + 1, -Reach, Reach) + Reach];
    }
}
