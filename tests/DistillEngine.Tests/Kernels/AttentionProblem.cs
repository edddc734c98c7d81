using System.Runtime.InteropServices;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Kernels;

/// <summary>
/// One packed call: its tensors, and the same numbers for the oracle. Rows that belong to no span are NaN in the sources and keep
/// the NaN of fresh tensors in the destinations.
/// </summary>
sealed class AttentionProblem : IDisposable
{
    readonly HostTensors _tensors;

    public AttentionProblem(int seed, AttentionSpan[] spans, int heads, int headWidth, Masking masking, bool? bidirectional, float rate,
        double deviation = 1, int bucketCount = 12)
    {
        _tensors = new HostTensors(seed);
        (Spans, Heads, HeadWidth, Masking, Dropout) = (spans, heads, headWidth, masking, new DropoutSite(rate, 0x600df00d));
        int width = heads * headWidth;
        int queryRows = spans.Max(s => s.QueryStart + s.QueryCount) + 1, keyRows = spans.Max(s => s.KeyStart + s.KeyCount) + 1;
        // Scores of the usual size whatever the head width.
        double scale = deviation / Math.Sqrt(Math.Sqrt(headWidth));
        Q = Outside(_tensors.Random("q", new(queryRows, width), scale), span => (span.QueryStart, span.QueryCount));
        K = Outside(_tensors.Random("k", new(keyRows, width), scale), span => (span.KeyStart, span.KeyCount));
        V = Outside(_tensors.Random("v", new(keyRows, width)), span => (span.KeyStart, span.KeyCount));
        Dy = Outside(_tensors.Random("dy", new(queryRows, width)), span => (span.QueryStart, span.QueryCount));
        SpanTensor = _tensors.From("spans", new(spans.Length, AttentionSpan.Fields), MemoryMarshal.Cast<AttentionSpan, int>(spans));
        if (bidirectional is { } both)
        {
            int[] buckets = RelativePositionBuckets.Build(both, bucketCount, bucketCount + 8);
            Tensor bucketOfDistance = _tensors.From("bucketOfDistance", new(buckets.Length), buckets);
            Bias = new RelativeBias(_tensors.Random("table", new(bucketCount, heads)), bucketOfDistance);
        }
        Inputs = new AttentionInputs<double>(Doubles(Q), Doubles(K), Doubles(V), spans, heads, headWidth, masking,
            Bias.IsAbsent ? null : Doubles(Bias.Table), Bias.IsAbsent ? null : Bias.BucketOfDistance.HostSpan<int>().ToArray(),
            Dropout.IsActive ? KeepFactors() : null, KeepStride);
    }

    public AttentionSpan[] Spans { get; }
    public int Heads { get; }
    public int HeadWidth { get; }
    public Masking Masking { get; }
    public DropoutSite Dropout { get; }
    public Tensor Q { get; }
    public Tensor K { get; }
    public Tensor V { get; }
    public Tensor Dy { get; }
    public Tensor SpanTensor { get; }
    public RelativeBias Bias { get; }
    public AttentionInputs<double> Inputs { get; }
    int KeepStride => Spans.Max(s => s.KeyCount);

    /// <summary>Packed self-attention of these lengths, one unused row between neighbours.</summary>
    public static AttentionSpan[] SelfSpans(params int[] lengths)
    {
        var spans = new AttentionSpan[lengths.Length];
        for (int s = 0, row = 0; s < lengths.Length; row += lengths[s++] + 1)
            spans[s] = new AttentionSpan(row, lengths[s], row, lengths[s], 0, 100 + s);
        return spans;
    }

    public Results Forward(Attention op, bool yIsQ = false)
    {
        Tensor y = yIsQ ? _tensors.Copy(Q) : _tensors.Empty("y", Q.Shape), logSumExp = _tensors.Empty("logSumExp", new(Q.Shape.D0, Heads));
        op.Forward(yIsQ ? y : Q, K, V, SpanTensor, Heads, Masking, Bias, Dropout, y, logSumExp);
        return new Results { Y = y, LogSumExp = logSumExp };
    }

    /// <summary>Forward, then backward; the table's gradient starts at 1 to show that it accumulates.</summary>
    public Results ForwardAndBackward(Attention op, bool dqIsDy = false)
    {
        Results results = Forward(op);
        Tensor dy = _tensors.Copy(Dy);
        results.Dq = dqIsDy ? dy : _tensors.Empty("dq", Q.Shape);
        results.Dk = _tensors.Empty("dk", K.Shape);
        results.Dv = _tensors.Empty("dv", V.Shape);
        Tensor partials = default;
        if (!Bias.IsAbsent)
        {
            results.DTable = _tensors.Filled("dTable", Bias.Table.Shape, 1);
            partials = _tensors.Empty("tablePartials", new(Spans.Length, Heads * Bias.Table.Shape.D0));
        }
        op.Backward(dy, Q, K, V, results.Y, results.LogSumExp, SpanTensor, Heads, Masking, Bias, Dropout,
            results.Dq, results.Dk, results.Dv, results.DTable, partials);
        return results;
    }

    public bool GuardsAreIntact() => _tensors.GuardsAreIntact();

    public void Dispose() => _tensors.Dispose();

    public static double[] Doubles(Tensor x) => Array.ConvertAll(x.HostSpan<float>().ToArray(), v => (double)v);

    double[] KeepFactors()
    {
        var keep = new double[Q.Shape.D0 * Heads * KeepStride];
        foreach (AttentionSpan span in Spans)
            for (int i = 0; i < span.QueryCount; i++)
                for (int head = 0; head < Heads; head++)
                    for (int j = 0; j < span.KeyCount; j++)
                    {
                        uint draw = CounterRng.Draw(Dropout.Key ^ CounterRng.RowKey(span.Sequence, span.QueryPosition + i),
                            ((uint)head << Attention.HeadShift) + (uint)j);
                        keep[((span.QueryStart + i) * Heads + head) * KeepStride + j] = draw < Dropout.Threshold ? 0 : Dropout.KeepScale;
                    }
        return keep;
    }

    /// <summary>Sets the rows of no span to NaN.</summary>
    Tensor Outside(Tensor x, Func<AttentionSpan, (int Start, int Count)> rows)
    {
        for (int row = 0; row < x.Shape.D0; row++)
            if (!Spans.Any(span => row >= rows(span).Start && row < rows(span).Start + rows(span).Count))
                x.Rows(row, 1).HostSpan<float>().Fill(float.NaN);
        return x;
    }

    public sealed class Results
    {
        public Tensor Y, LogSumExp, Dq, Dk, Dv, DTable;
    }
}
