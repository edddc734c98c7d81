using System.Runtime.CompilerServices;
using DistillEngine.Core;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace DistillEngine.Kernels;

/// <summary>
/// Scores stand transposed, [keys, a panel of queries]: the product of keys and queries leaves them where the product with the values reads
/// them, the softmax of a query runs down a lane, and bias and causal mask of a key are one slice of an array by distance.
/// Split by blocks of queries, as many as a panel has columns, in the order (sequence, head, block) at equal work; a part copies the keys and
/// values of its heads into panels once. Blocks share nothing, so no split changes bits. Memory is read and written once an element of q, k, v
/// and y; scratch is linear in the number of keys. Bound: multiply-adds (4 · keys flops an element of q) and the exponentials. Sums are float32,
/// over the keys in pieces of <see cref="KeyPiece"/>.
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>(ComputePool pool) : Attention, IAttentionScratch where TVector : struct, IVectorF32<TVector>
{
    // Keys in a sum before it is added to those before: their scores and values, 8 KiB a panel of 32 columns, stay in the first cache.
    const int KeyPiece = 64;

    // A thread's start costs about as much as this many multiply-adds.
    const int LeastProducts = 1 << 17;

    /// <summary>Queries of a block: the columns of a panel.</summary>
    static int Block => PanelTile<TVector>.Columns;

    protected override void ForwardCore(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias,
        DropoutSite dropout, Tensor y, Tensor logSumExp)
    {
        Call call = Prepare(q, k, v, spans, heads, masking, bias, dropout, logSumExp, "attention.forward");
        call.Y = y.HostPointer<float>();
        void** scratch = stackalloc void*[pool.ThreadCount];
        if (call.MaxQueries <= 1)
        {
            if (k.DType == DType.BF16) ForwardQueries<Bf16Rows>(ref call, scratch);
            else ForwardQueries<FloatRows>(ref call, scratch);
            return;
        }
        Check.That(k.DType == DType.F32, "attention.forward", "float32 keys and values where a sequence has several queries");
        ProvideScratch(ref call, scratch, ForwardBytes(call));
        pool.Run(call.Parts, &ForwardPart, &call);
    }

    public override bool Supports(DType type) => type is DType.F32 or DType.BF16;

    public long ScratchBytes(int queries, int keys, int headWidth, bool hasBias)
    {
        var call = new Call { HeadWidth = headWidth, MaxQueries = queries, MaxKeys = keys };
        return Math.Max(ForwardBytes(call), new BackwardScratch(null, call, queries, keys, hasBias).Bytes);
    }

    /// <summary>A query alone in its sequence takes the scratch of that path.</summary>
    static long ForwardBytes(in Call call) =>
        Math.Max(new ForwardScratch(null, call, call.MaxQueries, call.MaxKeys).Bytes, new QueryScratch(null, 1, call.MaxKeys).Bytes);

    static void ForwardPart(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        float* memory = (float*)call.Scratch[thread];
        var (start, end) = Split.Range(call.Work, part, call.Parts);
        for (int s = 0; s < call.SpanCount; s++)
        {
            AttentionSpan span = call.Spans[s];
            long work = call.HeadWork(span);
            for (int head = 0; head < call.Heads && end > 0; head++, start -= work, end -= work)
            {
                if (start >= work) continue;
                // The same path as without company, so that a sequence's bits do not depend on it.
                if (span.QueryCount > 1)
                {
                    PanelPrefetch ahead = Ahead(call, s, head, end > work, tiles: call.ForwardTiles(span));
                    ForwardHead(call, span, head, start, end, new ForwardScratch(memory, call, span.QueryCount, span.KeyCount), ref ahead);
                }
                else if (start <= 0) ForwardQuery<FloatRows>(call, span, head, head + 1, memory);
            }
        }
    }

    /// <summary>The blocks of a head that begin at work <paramref name="start"/> … <paramref name="end"/> − 1, counted from the head's own.</summary>
    static void ForwardHead(in Call call, in AttentionSpan span, int head, long start, long end, in ForwardScratch scratch,
        ref PanelPrefetch ahead)
    {
        int first = 0, blocks = Call.Blocks(span);
        long work = 0;
        while (first < blocks && work < start) work += call.WorkOfBlock(span, first++);
        int last = first;
        while (last < blocks && work < end) work += call.WorkOfBlock(span, last++);
        if (first == last) return;
        int reach = call.BlockReach(span, last - 1);
        long keys = span.KeyStart * (long)call.Width + head * call.HeadWidth;
        SpreadMaskedBias(call, span, head, scratch.Bias);
        Pack(call, call.K + keys, reach, span.KeyCount, scratch.Keys);
        Pack(call, call.V + keys, reach, span.KeyCount, scratch.Values);
        for (int block = first; block < last; block++) ForwardBlock(call, span, head, block, scratch, ref ahead);
    }

    [SkipLocalsInit]
    static void ForwardBlock(in Call call, in AttentionSpan span, int head, int block, in ForwardScratch scratch, ref PanelPrefetch ahead)
    {
        var extent = new Extent(call, span, block);
        int first = extent.First, count = extent.Count, lanes = extent.Lanes;
        long row = span.QueryStart + first, element = row * call.Width + head * call.HeadWidth;
        float* maxima = stackalloc float[lanes], totals = stackalloc float[lanes];
        uint* dropoutKeys = stackalloc uint[lanes];
        Transpose(call, call.Q + element, count, scratch.Queries);
        Scores(call, scratch.Keys, span.KeyCount, scratch.Queries, extent, scratch.Scores, ref ahead);
        DropoutKeys(call, span, first, count, lanes, dropoutKeys);
        for (int lane = 0; lane < lanes; lane += TVector.Count)
            Softmax(call, scratch.Scores + lane, scratch.Bias + BiasOfFirstKey(span, first) + lane, extent.ReachOf(call, lane),
                dropoutKeys + lane, (uint)head << HeadShift, maxima + lane, totals + lane);
        SumOfRows(call, scratch.Scores, scratch.Values, span.KeyCount, extent, call.Y + element, ref ahead);
        // The weighted values are divided instead of the weights, which are more.
        for (int i = 0; i < count; i++) Scale(call.Y + element + i * (long)call.Width, call.HeadWidth, 1 / totals[i]);
        TensorPrimitives.Log(new ReadOnlySpan<float>(totals, lanes), new Span<float>(totals, lanes));
        for (int i = 0; i < count; i++) call.LogSumExp[(row + i) * call.Heads + head] = maxima[i] + totals[i];
    }

    static void Scale(float* x, int count, float factor)
    {
        int i = 0;
        TVector by = TVector.Broadcast(factor);
        for (; i + TVector.Count <= count; i += TVector.Count) TVector.Store(TVector.Load(x + i) * by, x + i);
        for (; i < count; i++) x[i] *= factor;
    }

    /// <summary>Scratch of one head, carved from its thread's. It grows with the counts: the greatest ones give the size.</summary>
    readonly struct ForwardScratch
    {
        public readonly float* Keys, Values, Queries, Scores, Bias;
        public readonly long Bytes;

        public ForwardScratch(float* memory, in Call call, int queries, int keys)
        {
            float* next = memory;
            Keys = Take(ref next, PanelElements(call, keys));
            Values = Take(ref next, PanelElements(call, keys));
            Queries = Take(ref next, (long)call.HeadWidth * Block);
            Scores = Take(ref next, (long)keys * Block);
            Bias = Take(ref next, BiasEntries(call, queries, keys));
            Bytes = (byte*)next - (byte*)memory;
        }
    }
}
