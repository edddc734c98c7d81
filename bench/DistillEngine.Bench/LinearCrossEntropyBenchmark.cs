using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>Head and loss of T5 small; the backward takes the logits that the forward kept, as a training step does.</summary>
[Description("head and loss in one")]
public class LinearCrossEntropyBenchmark : OpBenchmark
{
    const int Width = 512, Vocabulary = 32_128;

    LinearCrossEntropy _op = null!;
    Weight _w = null!;
    Tensor _x, _labels, _rowWeights, _logSumExp, _nats, _dx, _dWeight, _scratch;

    [Params(64, 512)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _op = Ops.LinearCrossEntropy;
        _w = new Weight(Random("w", new(Vocabulary, Width)));
        (_x, _rowWeights) = (Random("x", new(Rows, Width)), Random("rowWeights", new(Rows)));
        _labels = From<int>("labels", new(Rows), [.. Enumerable.Range(0, Rows).Select(row => row * 7919 % Vocabulary)], DType.I32);
        (_logSumExp, _nats) = (Zeros("logSumExp", new(Rows), DType.F64), Zeros("nats", new(Rows)));
        _scratch = Zeros("scratch", LinearCrossEntropy.TrainingScratchShape(Rows, Vocabulary));
        (_dx, _dWeight) = (Zeros("dx", _x.Shape), Zeros("dWeight", _w.Value.Shape));
        Forward();
    }

    [Benchmark]
    public void Forward()
    {
        _op.Forward(_x, _w, 1, _labels, _logSumExp, _nats, _scratch);
        Wait();
    }

    [Benchmark]
    public void Backward()
    {
        _op.Backward(_x, _w, 1, _labels, _rowWeights, _logSumExp, _dx, _dWeight, _scratch, holdsLogits: _scratch.Shape.D1 == Vocabulary);
        Wait();
    }

    public override Cost CostOf(string benchmark) => benchmark == nameof(Forward)
        ? LinearCrossEntropy.ForwardCost(Rows, Width, Vocabulary)
        : LinearCrossEntropy.BackwardCost(Rows, Width, Vocabulary);
}
