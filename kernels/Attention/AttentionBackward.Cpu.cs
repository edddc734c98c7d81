using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The backward, split by (sequence, head) as the forward is. With p the weights before dropout and f its factors:
/// dv = (p∘f)ᵀ dy, dp = (dy vᵀ)∘f, ds = p∘(dp − δ), dq = ds k, dk = dsᵀ q, where δ = Σ p∘dp. A block holds whole rows of scores, so p is
/// normalised anew and δ summed from the very terms it is taken from: logSumExp and dy·y, which equal them but for rounding, would cost
/// digits where a softmax is sharp. Five products of queries · keys · headWidth; bound by FMA throughput.
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    // A thread's start costs about as much as this many additions of table partials.
    const int LeastPartials = 1 << 14;

    protected override void BackwardCore(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads,
        Masking masking, RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials)
    {
        Call call = Prepare(q, k, v, spans, heads, masking, bias, dropout, logSumExp, "attention.backward");
        call.Dy = dy.HostPointer<float>();
        call.Dq = dq.HostPointer<float>();
        call.Dk = dk.HostPointer<float>();
        call.Dv = dv.HostPointer<float>();
        if (!bias.IsAbsent)
        {
            call.DTable = dTable.HostPointer<float>();
            call.TablePartials = tablePartials.HostPointer<float>();
        }
        void** scratch = stackalloc void*[call.Parts];
        ProvideScratch(ref call, scratch, new BackwardScratch(null, call.MaxQueries, call.MaxKeys, call.HeadWidth).Bytes);
        pool.Run(call.Parts, &BackwardPart, &call);
        if (bias.IsAbsent) return;
        call.Parts = Split.Parts(tablePartials.Count, LeastPartials, pool.ThreadCount);
        pool.Run(call.Parts, &SumPartials, &call);
    }

    static void BackwardPart(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        for (long task = part; task < (long)call.SpanCount * call.Heads; task += call.Parts)
        {
            AttentionSpan span = call.Spans[task / call.Heads];
            var scratch = new BackwardScratch((float*)call.Scratch[thread], span.QueryCount, span.KeyCount, call.HeadWidth);
            BackwardHead(call, span, (int)(task % call.Heads), scratch);
            // Task number and row of partials agree: both count heads within sequences.
            if (call.Table != null) SumBuckets(call, span, scratch.DBias, call.TablePartials + task * call.Buckets);
        }
    }

    static void BackwardHead(in Call call, in AttentionSpan span, int head, in BackwardScratch scratch)
    {
        int width = call.HeadWidth, padded = Tiles.PadColumns(width);
        long column = (long)head * width, keys = span.KeyStart * (long)call.Width + column;
        Tiles.Transpose(call.K + keys, call.Width, span.KeyCount, width, scratch.KeysTransposed);
        Tiles.Transpose(call.V + keys, call.Width, span.KeyCount, width, scratch.ValuesTransposed);
        Tiles.Pack(call.K + keys, call.Width, span.KeyCount, width, scratch.Keys);
        Clear(scratch.Dk, Tiles.PadRows(span.KeyCount));
        Clear(scratch.Dv, Tiles.PadRows(span.KeyCount));
        if (call.Table != null)
        {
            SpreadBias(call, span, head, scratch.Bias);
            new Span<float>(scratch.DBias, span.QueryCount - 1 + Tiles.PadColumns(span.KeyCount)).Clear();
        }
        for (int first = 0; first < span.QueryCount; first += BlockQueries)
        {
            int count = Math.Min(BlockQueries, span.QueryCount - first), rows = Tiles.PadRows(count);
            int reach = call.VisibleKeys(span, first + count - 1), columns = Tiles.PadColumns(reach);
            long firstElement = (span.QueryStart + first) * (long)call.Width + column;
            Tiles.Pack(call.Q + firstElement, call.Width, count, width, scratch.Queries);
            Tiles.Pack(call.Dy + firstElement, call.Width, count, width, scratch.Dy);
            Tiles.Multiply(scratch.Queries, scratch.KeysTransposed, scratch.Weights, rows, width, columns, add: false);
            Tiles.Multiply(scratch.Dy, scratch.ValuesTransposed, scratch.Ds, rows, width, columns, add: false);
            for (int i = 0; i < count; i++) BackwardRow(call, span, head, first + i, scratch.Weights.Row(i), scratch.Ds.Row(i), columns, scratch);
            Tiles.Multiply(scratch.Weights.Transposed, scratch.Dy, scratch.Dv, Tiles.PadRows(reach), count, padded, add: true);
            Tiles.Multiply(scratch.Ds.Transposed, scratch.Queries, scratch.Dk, Tiles.PadRows(reach), count, padded, add: true);
            // The queries are used up: their block takes their gradient.
            Tiles.Multiply(scratch.Ds, scratch.Keys, scratch.Queries, rows, reach, padded, add: false);
            Tiles.Unpack(scratch.Queries, count, width, call.Dq + firstElement, call.Width);
        }
        Tiles.Unpack(scratch.Dk, span.KeyCount, width, call.Dk + keys, call.Width);
        Tiles.Unpack(scratch.Dv, span.KeyCount, width, call.Dv + keys, call.Width);
    }

    static void Clear(Matrix matrix, int rows)
    {
        for (int r = 0; r < rows; r++) new Span<float>(matrix.Row(r), matrix.RowStride).Clear();
    }

    /// <summary>
    /// Turns a query's scores into its weights after dropout, and dy vᵀ into ds; keys that it does not see, up to
    /// <paramref name="columns"/>, get zeros in both.
    /// </summary>
    static void BackwardRow(in Call call, in AttentionSpan span, int head, int query, float* scores, float* ds, int columns,
        in BackwardScratch scratch)
    {
        int visible = call.VisibleKeys(span, query), padded = Tiles.PadColumns(visible), n = TVector.Count;
        new Span<float>(ds + visible, padded - visible).Clear();
        TVector inverse = TVector.Broadcast(1 / Exponentials(call, span, query, scores, visible, scratch.Bias, out _));
        TVector deltas = TVector.Zero;
        if (!call.Dropout.IsActive)
        {
            for (int j = 0; j < padded; j += n)
            {
                TVector weight = TVector.Load(scores + j) * inverse;
                deltas = TVector.MultiplyAdd(weight, TVector.Load(ds + j), deltas);
                TVector.Store(weight, scores + j);
            }
        }
        else
        {
            var (key, counter) = call.DropoutStream(span, head, query);
            uint threshold = call.Dropout.Threshold;
            float keepScale = call.Dropout.KeepScale;
            for (int j = 0; j < padded; j += n)
            {
                TVector weight = TVector.Load(scores + j) * inverse;
                TVector dWeight = TVector.Load(ds + j) * TVector.DropoutFactor(key, counter + (uint)j, threshold, keepScale);
                deltas = TVector.MultiplyAdd(weight, dWeight, deltas);
                TVector.Store(weight, scores + j);
                TVector.Store(dWeight, ds + j);
            }
        }
        ScoreGradients(call, span, query, scores, ds, padded, TVector.Sum(deltas), scratch.DBias);
        if (call.Dropout.IsActive) DropWeights(call, span, head, query, scores, padded);
        new Span<float>(scores + padded, columns - padded).Clear();
        new Span<float>(ds + padded, columns - padded).Clear();
    }

    /// <summary>ds = p∘(dp − δ), in place of dp, added to the gradients by distance.</summary>
    static void ScoreGradients(in Call call, in AttentionSpan span, int query, float* weights, float* ds, int padded, float delta, float* dBias)
    {
        TVector deltas = TVector.Broadcast(delta);
        float* slice = dBias + (span.QueryCount - 1 - query);
        for (int j = 0; j < padded; j += TVector.Count)
        {
            TVector dScore = TVector.Load(weights + j) * (TVector.Load(ds + j) - deltas);
            TVector.Store(dScore, ds + j);
            if (call.Table != null) TVector.Store(TVector.Load(slice + j) + dScore, slice + j);
        }
    }

    /// <summary>Gradients by distance, summed by bucket in the order of distance.</summary>
    static void SumBuckets(in Call call, in AttentionSpan span, float* dBias, float* partials)
    {
        new Span<float>(partials, call.Buckets).Clear();
        int entries = span.QueryCount - 1 + span.KeyCount;
        for (int i = 0; i < entries; i++) partials[call.BucketOfEntry(span, i)] += dBias[i];
    }

    /// <summary>dTable[bucket, head] += partials[·, head, bucket], sequences in order; split by elements.</summary>
    static void SumPartials(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        int elements = call.Heads * call.Buckets;
        var (start, end) = Split.Range(elements, part, call.Parts);
        for (long element = start; element < end; element++)
        {
            float* sum = call.DTable + element % call.Buckets * call.Heads + element / call.Buckets;
            for (long sequence = 0; sequence < call.SpanCount; sequence++) *sum += call.TablePartials[sequence * elements + element];
        }
    }

    /// <inheritdoc cref="ForwardScratch"/>
    readonly struct BackwardScratch
    {
        public readonly Matrix KeysTransposed, ValuesTransposed, Keys, Dk, Dv, Queries, Dy, Weights, Ds;
        public readonly float* Bias, DBias;
        public readonly long Bytes;

        public BackwardScratch(float* memory, int queries, int keys, int headWidth)
        {
            float* next = memory;
            KeysTransposed = Take(ref next, headWidth, keys);
            ValuesTransposed = Take(ref next, headWidth, keys);
            Keys = Take(ref next, Tiles.PadRows(keys), headWidth);
            Dk = Take(ref next, Tiles.PadRows(keys), headWidth);
            Dv = Take(ref next, Tiles.PadRows(keys), headWidth);
            Queries = Take(ref next, BlockQueries, headWidth);
            Dy = Take(ref next, BlockQueries, headWidth);
            Weights = Take(ref next, BlockQueries, keys);
            Ds = Take(ref next, BlockQueries, keys);
            Bias = Take(ref next, 1, queries + Tiles.PadColumns(keys)).Data;
            DBias = Take(ref next, 1, queries + Tiles.PadColumns(keys)).Data;
            Bytes = (byte*)next - (byte*)memory;
        }
    }
}
