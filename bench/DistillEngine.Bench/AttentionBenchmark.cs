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

    public override long ScratchBytes => (Ops.Attention as IAttentionScratch)?.ScratchBytes(Length, Length, HeadWidth, hasBias: true) ?? 0;

    int Sequences => Math.Max(1, Rows / Length);

    [GlobalSetup]
    public void Setup()
    {
        Shape rows = new(Sequences * Length, Heads * HeadWidth);
        (_q, _k, _v, _dy) = (Random("q", rows), Random("k", rows), Random("v", rows), Random("dy", rows));
        (_y, _dq, _dk, _dv) = (Zeros("y", rows), Zeros("dq", rows), Zeros("dk", rows), Zeros("dv", rows));
        _logSumExp = Zeros("logSumExp", new(rows.D0, Heads));
        _spans = From<int>("spans", new(Sequences, AttentionSpan.Fields), Spans(), DType.I32);
        int[] map = RelativePositionBuckets.Build(bidirectional: Mask == Masking.None, Buckets, MaxDistance);
        Tensor buckets = From<int>("buckets", new(map.Length), map, DType.I32);
        _bias = new RelativeBias(Random("table", new(Buckets, Heads)), buckets);
        (_dTable, _partials) = (Zeros("dTable", new(Buckets, Heads)), Zeros("partials", new(Sequences, Heads * Buckets)));
        Forward();
    }

    [Benchmark]
    public void Forward()
    {
        Ops.Attention.Forward(_q, _k, _v, _spans, Heads, Mask, _bias, DropoutSite.None, _y, _logSumExp);
        Wait();
    }

    [Benchmark]
    public void Backward()
    {
        Ops.Attention.Backward(_dy, _q, _k, _v, _y, _logSumExp, _spans, Heads, Mask, _bias, DropoutSite.None,
            _dq, _dk, _dv, _dTable, _partials);
        Wait();
    }

    public override Cost CostOf(string benchmark)
    {
        using var buffer = new HostBuffer(sizeof(int) * Sequences * AttentionSpan.Fields, "spans");
        var spans = new Tensor(buffer, 0, new(Sequences, AttentionSpan.Fields), DType.I32, "spans");
        Spans().CopyTo(spans.HostSpan<int>());
        return benchmark == nameof(Forward) ? AttentionCost.Forward(spans, Mask, Heads * HeadWidth) : AttentionCost.Backward(spans, Mask, Heads * HeadWidth);
    }

    int[] Spans() => [.. Enumerable.Range(0, Sequences).SelectMany(s => (int[])[s * Length, Length, s * Length, Length, 0, s])];
}
