using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Split by (sequence, head). A head's keys are transposed and its values copied into scratch once, then blocks of queries take their
/// scores, softmax and weighted values from there; scratch is linear in the number of keys. Tiles above the diagonal of a causal call are
/// skipped. Memory is read and written once an element of q, k, v and y; bound by FMA throughput (4 · keys flops an element of q). Sums are float32, in an order that depends on the vector width alone.
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>(ComputePool pool) : Attention where TVector : struct, IVectorF32<TVector>
{
    // Scores of a block of a usual sequence (160 keys: 20 KiB) stay in the first-level cache beside a panel of keys.
    const int BlockQueries = 32;

    // A thread's start costs about as much as this many multiply-adds.
    const int LeastProducts = 1 << 17;

    protected override void ForwardCore(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias,
        DropoutSite dropout, Tensor y, Tensor logSumExp)
    {
        Call call = Prepare(q, k, v, spans, heads, masking, bias, dropout, logSumExp, "attention.forward");
        call.Y = y.HostPointer<float>();
        void** scratch = stackalloc void*[pool.ThreadCount];
        if (call.MaxQueries <= 1)
        {
            ForwardQueries(ref call, scratch);
            return;
        }
        ProvideScratch(ref call, scratch, new ForwardScratch(null, call.MaxQueries, call.MaxKeys, call.HeadWidth).Bytes);
        pool.Run(call.Parts, &ForwardPart, &call);
    }

    static void ForwardPart(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        for (long task = part; task < (long)call.SpanCount * call.Heads; task += call.Parts)
        {
            AttentionSpan span = call.Spans[task / call.Heads];
            int head = (int)(task % call.Heads);
            var scratch = new ForwardScratch((float*)call.Scratch[thread], span.QueryCount, span.KeyCount, call.HeadWidth);
            // The same path as without company, so that a sequence's bits do not depend on it.
            if (span.QueryCount == 1) ForwardQuery(call, span, head, head + 1, (float*)call.Scratch[thread]);
            else ForwardHead(call, span, head, scratch);
        }
    }

    static void ForwardHead(in Call call, in AttentionSpan span, int head, in ForwardScratch scratch)
    {
        int width = call.HeadWidth, padded = Tiles.PadColumns(width);
        long column = (long)head * width, keys = span.KeyStart * (long)call.Width + column;
        if (call.Table != null) SpreadBias(call, span, head, scratch.Bias);
        Tiles.Transpose(call.K + keys, call.Width, span.KeyCount, width, scratch.KeysTransposed);
        Tiles.Pack(call.V + keys, call.Width, span.KeyCount, width, scratch.Values);
        float* inverses = stackalloc float[BlockQueries];
        for (int first = 0; first < span.QueryCount; first += BlockQueries)
        {
            int count = Math.Min(BlockQueries, span.QueryCount - first), rows = Tiles.PadRows(count);
            int reach = call.VisibleKeys(span, first + count - 1), columns = Tiles.PadColumns(reach);
            long firstRow = span.QueryStart + first, firstElement = firstRow * call.Width + column;
            Tiles.Pack(call.Q + firstElement, call.Width, count, width, scratch.Block);
            Tiles.Multiply(scratch.Block, scratch.KeysTransposed, scratch.Scores, rows, width, columns, add: false);
            for (int i = 0; i < count; i++)
            {
                float* scores = scratch.Scores.Row(i);
                int visible = call.VisibleKeys(span, first + i), seen = Tiles.PadColumns(visible);
                ref float logSumExp = ref call.LogSumExp[(firstRow + i) * call.Heads + head];
                inverses[i] = Softmax(call, span, head, first + i, scores, visible, scratch.Bias, out logSumExp);
                new Span<float>(scores + seen, columns - seen).Clear();
            }
            // The queries are used up: their block takes the results.
            Tiles.Multiply(scratch.Scores, scratch.Values, scratch.Block, rows, reach, padded, add: false);
            for (int i = 0; i < count; i++) Scale(scratch.Block.Row(i), padded, inverses[i]);
            Tiles.Unpack(scratch.Block, count, width, call.Y + firstElement, call.Width);
        }
    }

    /// <summary>
    /// Turns the first <paramref name="visible"/> scores into exp(score + bias − greatest) · dropout factor, and the rest of their last
    /// padded vector into zeros. Returns 1 / Σ exp: the weighted values are divided instead of the weights, which are more.
    /// </summary>
    static float Softmax(in Call call, in AttentionSpan span, int head, int query, float* scores, int visible, float* bias,
        out float logSumExp)
    {
        float total = Exponentials(call, span, query, scores, visible, bias, out float max);
        if (call.Dropout.IsActive) DropWeights(call, span, head, query, scores, Tiles.PadColumns(visible));
        logSumExp = max + MathF.Log(total);
        return 1 / total;
    }

    /// <summary>Turns scores into exp(score + bias − greatest), with zeros behind the visible ones, and returns their sum.</summary>
    static float Exponentials(in Call call, in AttentionSpan span, int query, float* scores, int visible, float* bias, out float max)
    {
        int padded = Tiles.PadColumns(visible), n = TVector.Count;
        new Span<float>(scores + visible, padded - visible).Fill(float.NegativeInfinity);
        TVector greatest = TVector.Broadcast(float.NegativeInfinity);
        if (call.Table == null)
        {
            for (int j = 0; j < padded; j += n) greatest = TVector.Max(greatest, TVector.Load(scores + j));
        }
        else
        {
            float* slice = bias + (span.QueryCount - 1 - query);
            for (int j = 0; j < padded; j += n)
            {
                TVector score = TVector.Load(scores + j) + TVector.Load(slice + j);
                TVector.Store(score, scores + j);
                greatest = TVector.Max(greatest, score);
            }
        }
        max = TVector.MaxAcross(greatest);
        TVector shift = TVector.Broadcast(max), sum = TVector.Zero;
        for (int j = 0; j < padded; j += n)
        {
            TVector e = TVector.Exp(TVector.Load(scores + j) - shift);
            sum += e;
            TVector.Store(e, scores + j);
        }
        return TVector.Sum(sum);
    }

    static void DropWeights(in Call call, in AttentionSpan span, int head, int query, float* weights, int padded)
    {
        var (key, counter) = call.DropoutStream(span, head, query);
        uint threshold = call.Dropout.Threshold;
        float keepScale = call.Dropout.KeepScale;
        for (int j = 0; j < padded; j += TVector.Count)
            TVector.Store(TVector.Load(weights + j) * TVector.DropoutFactor(key, counter + (uint)j, threshold, keepScale), weights + j);
    }

    static void Scale(float* x, int count, float factor)
    {
        int i = 0;
        TVector by = TVector.Broadcast(factor);
        for (; i + TVector.Count <= count; i += TVector.Count) TVector.Store(TVector.Load(x + i) * by, x + i);
        for (; i < count; i++) x[i] *= factor;
    }

    /// <summary>
    /// The bias by distance: query i's biases of keys 0, 1, … begin at entry QueryCount − 1 − i, so that no query gathers. The slices'
    /// padding is filled too.
    /// </summary>
    static void SpreadBias(in Call call, in AttentionSpan span, int head, float* bias)
    {
        int entries = span.QueryCount - 1 + Tiles.PadColumns(span.KeyCount);
        long first = call.Reach - span.QueryPosition - (long)span.QueryCount + 1;
        float* table = call.Table + head;
        if (first >= 0 && first + entries <= 2L * call.Reach + 1)
            for (int i = 0; i < entries; i++) bias[i] = table[call.BucketOfDistance[first + i] * (long)call.Heads];
        else
            for (int i = 0; i < entries; i++) bias[i] = table[call.BucketOfEntry(span, i) * (long)call.Heads];
    }

    /// <summary>Scratch of one head, carved from its thread's. It grows with the counts: the greatest ones give the size.</summary>
    readonly struct ForwardScratch
    {
        public readonly Matrix KeysTransposed, Values, Block, Scores;
        public readonly float* Bias;
        public readonly long Bytes;

        public ForwardScratch(float* memory, int queries, int keys, int headWidth)
        {
            float* next = memory;
            KeysTransposed = Take(ref next, headWidth, keys);
            Values = Take(ref next, Tiles.PadRows(keys), headWidth);
            Block = Take(ref next, BlockQueries, headWidth);
            Scores = Take(ref next, BlockQueries, keys);
            Bias = Take(ref next, 1, queries + Tiles.PadColumns(keys)).Data;
            Bytes = (byte*)next - (byte*)memory;
        }
    }
}
