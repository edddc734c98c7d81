using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// The backward, split by (sequence, head) at equal work. With p the weights before dropout and f its factors:
/// dv = (p∘f)ᵀ dy, dp = (dy vᵀ)∘f, ds = p∘(dp − δ), dq = ds k, dk = dsᵀ q, where δ = Σ p∘dp. A block holds whole columns of scores, so p is
/// normalised anew and δ summed from the very terms it is taken from: logSumExp and dy·y, which equal them but for rounding, would cost
/// digits where a softmax is sharp. Five products of queries · keys · headWidth; bound by multiply-adds.
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    // A thread's start costs about as much as this many additions of table partials.
    const int LeastPartials = 1 << 14;

    protected override void BackwardCore(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads,
        Masking masking, RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials)
    {
        Call call = Prepare(q, k, v, spans, heads, masking, bias, dropout, logSumExp, "attention.backward");
        CheckDisjoint(call, spans, q, k);
        call.Dy = dy.HostPointer<float>();
        call.Dq = dq.HostPointer<float>();
        call.Dk = dk.HostPointer<float>();
        call.Dv = dv.HostPointer<float>();
        if (!bias.IsAbsent)
        {
            call.DTable = dTable.HostPointer<float>();
            call.TablePartials = tablePartials.HostPointer<float>();
        }
        call.Parts = (int)Math.Min(call.Parts, Math.Max(1, (long)call.SpanCount * heads));
        void** scratch = stackalloc void*[call.Parts];
        ProvideScratch(ref call, scratch, new BackwardScratch(null, call, call.MaxQueries, call.MaxKeys, !bias.IsAbsent).Bytes);
        pool.Run(call.Parts, &BackwardPart, &call);
        if (bias.IsAbsent) return;
        call.Parts = Split.Parts(tablePartials.Count, LeastPartials, pool.ThreadCount);
        pool.Run(call.Parts, &SumPartials, &call);
    }

    /// <summary>A row that two spans share would get the gradient of one of them, and threads would race for it.</summary>
    static void CheckDisjoint(in Call call, Tensor spans, Tensor q, Tensor k)
    {
        // Rows behind or before those of all spans so far, as packed sequences have them, need no further comparison.
        int leastQuery = int.MaxValue, leastKey = int.MaxValue, queriesEnd = 0, keysEnd = 0;
        for (int s = 0; s < call.SpanCount; s++)
        {
            AttentionSpan span = call.Spans[s];
            int queryEnd = span.QueryStart + span.QueryCount, keyEnd = span.KeyStart + span.KeyCount;
            if (span.QueryStart < queriesEnd && queryEnd > leastQuery) CompareWithThoseBefore(call, s, spans, q, ofKeys: false);
            if (span.KeyStart < keysEnd && keyEnd > leastKey) CompareWithThoseBefore(call, s, spans, k, ofKeys: true);
            (leastQuery, queriesEnd) = (Math.Min(leastQuery, span.QueryStart), Math.Max(queriesEnd, queryEnd));
            (leastKey, keysEnd) = (Math.Min(leastKey, span.KeyStart), Math.Max(keysEnd, keyEnd));
        }
    }

    static void CompareWithThoseBefore(in Call call, int s, Tensor spans, Tensor rows, bool ofKeys)
    {
        var (start, end) = Rows(call.Spans[s]);
        for (int before = 0; before < s; before++)
        {
            var (otherStart, otherEnd) = Rows(call.Spans[before]);
            if (start < otherEnd && otherStart < end)
                throw new ArgumentException($"attention.backward: '{spans.Name}' rows {before} and {s} are {call.Spans[before]} and {call.Spans[s]}, "
                    + $"expected none that share rows of '{rows.Name}'.");
        }

        (int Start, int End) Rows(in AttentionSpan span) => ofKeys
            ? (span.KeyStart, span.KeyStart + span.KeyCount)
            : (span.QueryStart, span.QueryStart + span.QueryCount);
    }

    static void BackwardPart(void* context, int part, int thread)
    {
        ref readonly Call call = ref *(Call*)context;
        var (start, end) = Split.Range(call.Work, part, call.Parts);
        for (int s = 0; s < call.SpanCount; s++)
        {
            AttentionSpan span = call.Spans[s];
            long work = call.HeadWork(span);
            for (int head = 0; head < call.Heads; head++, start -= work, end -= work)
            {
                // A head belongs to the part that holds the middle of its work.
                if (start > work / 2 || end <= work / 2) continue;
                var scratch = new BackwardScratch((float*)call.Scratch[thread], call, span.QueryCount, span.KeyCount, call.Table != null);
                PanelPrefetch ahead = Ahead(call, s, head, end > work, tiles: call.BackwardTiles(span));
                BackwardHead(call, span, head, scratch, ref ahead);
                if (call.Table != null) SumBuckets(call, span, scratch, call.TablePartials + (s * (long)call.Heads + head) * call.Buckets);
            }
        }
    }

    static void BackwardHead(in Call call, in AttentionSpan span, int head, in BackwardScratch scratch, ref PanelPrefetch ahead)
    {
        int blocks = Call.Blocks(span), reach = call.BlockReach(span, blocks - 1);
        long keys = span.KeyStart * (long)call.Width + head * call.HeadWidth;
        SpreadMaskedBias(call, span, head, scratch.Bias);
        Pack(call, call.K + keys, reach, span.KeyCount, scratch.Keys);
        Pack(call, call.V + keys, reach, span.KeyCount, scratch.Values);
        if (call.Table != null)
            for (int lane = 0; lane < TVector.Count; lane++) new Span<float>(scratch.DBias + lane * scratch.DBiasStride, (int)scratch.DBiasStride).Clear();
        for (int block = 0; block < blocks; block++) BackwardBlock(call, span, head, block, scratch, ref ahead);
        ClearRows(call, call.Dk + keys, reach, span.KeyCount);
        ClearRows(call, call.Dv + keys, reach, span.KeyCount);
    }

    [SkipLocalsInit]
    static void BackwardBlock(in Call call, in AttentionSpan span, int head, int block, in BackwardScratch scratch, ref PanelPrefetch ahead)
    {
        var extent = new Extent(call, span, block);
        int first = extent.First, count = extent.Count, lanes = extent.Lanes;
        long column = head * (long)call.HeadWidth, element = (span.QueryStart + first) * (long)call.Width + column;
        uint* dropoutKeys = stackalloc uint[lanes];
        Transpose(call, call.Q + element, count, scratch.Transposed);
        Scores(call, scratch.Keys, span.KeyCount, scratch.Transposed, extent, scratch.Weights, ref ahead);
        Transpose(call, call.Dy + element, count, scratch.Transposed);
        Scores(call, scratch.Values, span.KeyCount, scratch.Transposed, extent, scratch.Ds, ref ahead);
        DropoutKeys(call, span, first, count, lanes, dropoutKeys);
        int entry = BiasOfFirstKey(span, first);
        for (int lane = 0; lane < lanes; lane += TVector.Count)
            SoftmaxBackward(call, scratch.Weights + lane, scratch.Ds + lane, scratch.Bias + entry + lane, extent.ReachOf(call, lane), dropoutKeys + lane,
                (uint)head << HeadShift, call.Table == null ? null : scratch.DBias + entry + lane, scratch.DBiasStride);

        Pack(call, call.Dy + element, count, Block, scratch.Rows);
        SumOfQueries(call, scratch.Weights, scratch.Rows, extent, call.Dv + span.KeyStart * (long)call.Width + column, ref ahead);
        Pack(call, call.Q + element, count, Block, scratch.Rows);
        SumOfQueries(call, scratch.Ds, scratch.Rows, extent, call.Dk + span.KeyStart * (long)call.Width + column, ref ahead);
        SumOfRows(call, scratch.Ds, scratch.Keys, span.KeyCount, extent, call.Dq + element, ref ahead);
    }

    /// <summary>Keys that no query sees have no gradient.</summary>
    static void ClearRows(in Call call, float* x, int start, int end)
    {
        for (int row = start; row < end; row++) new Span<float>(x + row * (long)call.Width, call.HeadWidth).Clear();
    }

    /// <summary>Gradients by distance, summed by bucket in the order of distance.</summary>
    static void SumBuckets(in Call call, in AttentionSpan span, in BackwardScratch scratch, float* partials)
    {
        new Span<float>(partials, call.Buckets).Clear();
        int entries = span.QueryCount - 1 + span.KeyCount;
        for (int lane = 1; lane < TVector.Count; lane++)
        {
            float* copy = scratch.DBias + lane * scratch.DBiasStride;
            for (int i = 0; i < entries; i += TVector.Count) TVector.Store(TVector.Load(scratch.DBias + i) + TVector.Load(copy + i), scratch.DBias + i);
        }
        long first = span.KeyCount - 1L - span.QueryPosition;
        for (int i = 0; i < entries; i++) partials[call.BucketOf(first - i)] += scratch.DBias[i];
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
        public readonly float* Keys, Values, Transposed, Rows, Weights, Ds, Bias, DBias;
        public readonly long DBiasStride, Bytes;

        public BackwardScratch(float* memory, in Call call, int queries, int keys, bool hasBias)
        {
            float* next = memory;
            Keys = Take(ref next, PanelElements(call, keys));
            Values = Take(ref next, PanelElements(call, keys));
            Transposed = Take(ref next, (long)call.HeadWidth * Block);
            Rows = Take(ref next, PanelElements(call, Block));
            Weights = Take(ref next, (long)keys * Block);
            Ds = Take(ref next, (long)keys * Block);
            Bias = Take(ref next, BiasEntries(call, queries, keys));
            // Whole vectors, an odd number of cache lines, so that the copies do not compete for the same places of a cache.
            DBiasStride = PadTo(BiasEntries(call, queries, keys), 16) | 16;
            DBias = !hasBias ? null : Take(ref next, DBiasStride * TVector.Count);
            Bytes = (byte*)next - (byte*)memory;
        }
    }
}
