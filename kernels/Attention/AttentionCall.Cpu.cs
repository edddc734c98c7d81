using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>What both directions share: the call as the threads see it, its checks, its division and its scratch.</summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    Call Prepare(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias, DropoutSite dropout,
        Tensor logSumExp, string operation)
    {
        var call = new Call
        {
            Q = q.HostPointer<float>(),
            K = Rows(k),
            V = Rows(v),
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
        long products = 0, blocks = 0;
        for (int s = 0; s < call.SpanCount; s++)
        {
            AttentionSpan span = call.Spans[s];
            if (!IsInside(span.QueryStart, span.QueryCount, q.Shape.D0) || !IsInside(span.KeyStart, span.KeyCount, k.Shape.D0)
                || span.QueryPosition < 0)
                throw new ArgumentException($"{operation}: '{spans.Name}' row {s} is {span}, expected at least one query and one key, "
                    + $"within {q.Shape.D0} query rows and {k.Shape.D0} key rows, at a position of at least 0.");
            call.MaxQueries = Math.Max(call.MaxQueries, span.QueryCount);
            call.MaxKeys = Math.Max(call.MaxKeys, span.KeyCount);
            call.Work += heads * call.HeadWork(span);
            products += 2L * span.QueryCount * span.KeyCount * call.Width;
            blocks += heads * (long)Call.Blocks(span);
        }
        call.Parts = (int)Math.Min(Split.Parts(products, LeastProducts, pool.ThreadCount), Math.Max(1, blocks));
        return call;
    }

    /// <summary>bfloat16 rows, too, which only calls with one query a sequence take.</summary>
    static float* Rows(Tensor rows) => rows.DType == DType.BF16 ? (float*)rows.HostPointer<ushort>() : rows.HostPointer<float>();

    static bool IsInside(int start, int count, int rows) => start >= 0 && count > 0 && start <= rows - count;

    void ProvideScratch(ref Call call, void** scratch, long bytes)
    {
        for (int thread = 0; thread < call.Parts; thread++) scratch[thread] = pool.ThreadScratch(thread, bytes);
        call.Scratch = scratch;
    }

    /// <summary>The next piece of a thread's scratch: whole cache lines, and the slack that tiles may read.</summary>
    static float* Take(ref float* next, long elements)
    {
        float* taken = next;
        next += PadTo(elements, 16) + PanelTile<TVector>.Slack;
        return taken;
    }

    static long PadTo(long count, int grain) => (count + grain - 1) / grain * grain;

    /// <summary>Biases by entry: entry i is that of distance key − query = <paramref name="first"/> + i · <paramref name="step"/>.</summary>
    static void SpreadBias(in Call call, int head, long first, int step, int entries, float* bias)
    {
        float* table = call.Table + head;
        long last = first + (entries - 1L) * step, reach = call.Reach;
        if (Math.Max(Math.Abs(first), Math.Abs(last)) <= reach)
        {
            int* bucket = call.BucketOfDistance + (first + reach);
            for (int i = 0; i < entries; i++, bucket += step) bias[i] = table[*bucket * (long)call.Heads];
        }
        else
        {
            for (int i = 0; i < entries; i++) bias[i] = table[call.BucketOf(first + (long)i * step) * (long)call.Heads];
        }
    }

    /// <summary>What the head after this one begins with, if it is this part's too.</summary>
    static PanelPrefetch Ahead(in Call call, int sequence, int head, bool continues, long tiles)
    {
        var ahead = new PanelPrefetch(sizeof(float) * (long)call.Width, sizeof(float) * call.HeadWidth);
        if (++head == call.Heads) (sequence, head) = (sequence + 1, 0);
        if (!continues || sequence == call.SpanCount) return ahead;
        AttentionSpan next = call.Spans[sequence];
        long column = head * (long)call.HeadWidth, keys = next.KeyStart * (long)call.Width + column, queries = next.QueryStart * (long)call.Width + column;
        ahead.Add(call.K + keys, next.KeyCount);
        ahead.Add(call.V + keys, next.KeyCount);
        ahead.Add(call.Q + queries, next.QueryCount);
        if (call.Dy != null) ahead.Add(call.Dy + queries, next.QueryCount);
        ahead.Start(tiles);
        return ahead;
    }

    /// <summary>One call, on the stack of its caller. Parts are no more than threads, so part and thread agree.</summary>
    struct Call
    {
        // What a block costs beside its keys, in keys: packing and unpacking its queries.
        const int BlockWork = 24;

        public float* Q, K, V, Y, LogSumExp, Dy, Dq, Dk, Dv, Table, DTable, TablePartials;
        public int* BucketOfDistance;
        public AttentionSpan* Spans;
        public void** Scratch;
        public long Work;
        public int SpanCount, Heads, Width, HeadWidth, Buckets, Reach, MaxQueries, MaxKeys, Parts, HeadParts;
        public bool IsCausal;
        public DropoutSite Dropout;

        /// <summary>How many keys, from the first, a query sees.</summary>
        public readonly int VisibleKeys(in AttentionSpan span, int query) =>
            IsCausal ? (int)Math.Min(span.KeyCount, (long)span.QueryPosition + query + 1) : span.KeyCount;

        /// <summary>Blocks of queries of a span, each as wide as a panel.</summary>
        public static int Blocks(in AttentionSpan span) => (span.QueryCount - 1) / Block + 1;

        /// <summary>Queries of a block.</summary>
        public static int BlockQueries(in AttentionSpan span, int block) => Math.Min(Block, span.QueryCount - block * Block);

        /// <summary>How many keys, from the first, some query of a block sees.</summary>
        public readonly int BlockReach(in AttentionSpan span, int block) =>
            VisibleKeys(span, block * Block + BlockQueries(span, block) - 1);

        /// <summary>How many keys, from the first, some query of a block's first vector sees; all that the block sees where it has no second.</summary>
        public readonly int InnerReach(in AttentionSpan span, int block) =>
            VisibleKeys(span, block * Block + Math.Min(TVector.Count, BlockQueries(span, block)) - 1);

        /// <summary>What a block takes, as its division counts it.</summary>
        public readonly long WorkOfBlock(in AttentionSpan span, int block) => BlockReach(span, block) + BlockWork;

        /// <summary>What the blocks of a head take together.</summary>
        public readonly long HeadWork(in AttentionSpan span)
        {
            int blocks = Blocks(span);
            if (!IsCausal) return blocks * WorkOfBlock(span, 0);
            long work = 0;
            for (int block = 0; block < blocks; block++) work += WorkOfBlock(span, block);
            return work;
        }

        /// <summary>Tiles of a head's forward: one product with rows of keys, one with rows of queries.</summary>
        public readonly long ForwardTiles(in AttentionSpan span) => Tiles(span, ofKeys: 1);

        /// <summary>Tiles of a head's backward: four products with rows of keys, one with rows of queries.</summary>
        public readonly long BackwardTiles(in AttentionSpan span) => Tiles(span, ofKeys: 4);

        readonly long Tiles(in AttentionSpan span, int ofKeys)
        {
            long tiles = 0, chunks = PadTo(HeadWidth, Block) / Block;
            for (int block = 0; block < Blocks(span); block++)
                tiles += ofKeys * Tiles(BlockReach(span, block)) + Tiles(BlockQueries(span, block));
            return tiles * chunks;
        }

        static int Tiles(int rows) => (rows + PanelTile<TVector>.Rows - 1) / PanelTile<TVector>.Rows;

        /// <summary>Key of a query's draws.</summary>
        public readonly uint DropoutKey(in AttentionSpan span, int query) =>
            Dropout.Key ^ CounterRng.RowKey(span.Sequence, span.QueryPosition + query);

        /// <summary>Bucket of a distance key − query.</summary>
        public readonly int BucketOf(long distance) => BucketOfDistance[Math.Clamp(distance, -Reach, Reach) + Reach];
    }
}
