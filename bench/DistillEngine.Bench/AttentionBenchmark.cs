using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>Self-attention of T5 v1.1 small over packed sequences: 512 rows together, or one longer sequence.</summary>
[Description("attention of T5 v1.1 small: short and long sequences, and the scratch they take")]
public class AttentionBenchmark : OpBenchmark
{
    const int Rows = 512, Heads = 6, HeadWidth = 64, Buckets = 32, MaxDistance = 128;

    Tensor _q, _k, _v, _y, _dy, _dq, _dk, _dv, _spans, _logSumExp, _dTable, _partials;
    RelativeBias _bias;

    [Params(64, 128, 256, 512, 1024, 2048, 4096)]
    public int Length { get; set; }

    [Params(Masking.None, Masking.Causal)]
    public Masking Mask { get; set; }

    public override long ScratchBytes => ((IAttentionScratch)Ops.Attention).ScratchBytes(Length, Length, HeadWidth, hasBias: true);

    int Sequences => Math.Max(1, Rows / Length);

    [GlobalSetup]
    public void Setup()
    {
        Shape rows = new(Sequences * Length, Heads * HeadWidth);
        (_q, _k, _v, _dy) = (Random("q", rows), Random("k", rows), Random("v", rows), Random("dy", rows));
        (_y, _dq, _dk, _dv) = (Zeros("y", rows), Zeros("dq", rows), Zeros("dk", rows), Zeros("dv", rows));
        _logSumExp = Zeros("logSumExp", new(rows.D0, Heads));
        _spans = NewSpans();
        int[] map = RelativePositionBuckets.Build(bidirectional: Mask == Masking.None, Buckets, MaxDistance);
        Tensor buckets = Zeros("buckets", new(map.Length), DType.I32);
        map.CopyTo(buckets.HostSpan<int>());
        _bias = new RelativeBias(Random("table", new(Buckets, Heads)), buckets);
        (_dTable, _partials) = (Zeros("dTable", new(Buckets, Heads)), Zeros("partials", new(Sequences, Heads * Buckets)));
        Forward();
    }

    [Benchmark]
    public void Forward() => Ops.Attention.Forward(_q, _k, _v, _spans, Heads, Mask, _bias, DropoutSite.None, _y, _logSumExp);

    [Benchmark]
    public void Backward() => Ops.Attention.Backward(_dy, _q, _k, _v, _y, _logSumExp, _spans, Heads, Mask, _bias, DropoutSite.None,
        _dq, _dk, _dv, _dTable, _partials);

    public override Cost CostOf(string benchmark) => benchmark == nameof(Forward)
        ? AttentionCost.Forward(NewSpans(), Mask, Heads * HeadWidth)
        : AttentionCost.Backward(NewSpans(), Mask, Heads * HeadWidth);

    Tensor NewSpans()
    {
        Tensor spans = Zeros("spans", new(Sequences, AttentionSpan.Fields), DType.I32);
        Span<int> fields = spans.HostSpan<int>();
        for (int s = 0; s < Sequences; s++)
        {
            Span<int> span = fields.Slice(s * AttentionSpan.Fields, AttentionSpan.Fields);
            (span[0], span[1], span[2], span[3], span[5]) = (s * Length, Length, s * Length, Length, s);
        }
        return spans;
    }
}
