using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The ops between the products, at T5 v1.1 small's widths: bound by memory or caches.</summary>
[Description("the ops between the products")]
public class ElementwiseBenchmark : OpBenchmark
{
    const int Width = 512, DFeedForward = 1024, Vocabulary = 32_128;
    const float DropoutRate = 0.1f;

    static readonly DropoutSite Site = new(DropoutRate, 12345);

    Tensor _x, _dx, _branch, _weight, _dWeight, _invRms, _gate, _up, _hidden, _dGate, _dUp, _keys, _ids, _order, _table, _dTable;

    [Params(512, 2048)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Shape narrow = new(Rows, Width), wide = new(Rows, DFeedForward);
        (_x, _dx, _branch) = (Random("x", narrow), Random("dx", narrow), Random("branch", narrow));
        (_weight, _dWeight, _invRms) = (Random("weight", new(Width)), Zeros("dWeight", new(Width)), Zeros("invRms", new(Rows)));
        (_gate, _up, _hidden) = (Random("gate", wide), Random("up", wide), Zeros("hidden", wide));
        (_dGate, _dUp) = (Zeros("dGate", wide), Zeros("dUp", wide));
        (_table, _dTable) = (Random("table", new(Vocabulary, Width)), Zeros("dTable", new(Vocabulary, Width)));
        _keys = From<int>("keys", new(Rows), [.. Enumerable.Range(0, Rows).Select(row => (int)CounterRng.RowKey(row / 64, row % 64))], DType.I32);
        int[] ids = [.. Enumerable.Range(0, Rows).Select(row => row * 7919 % Vocabulary)], order = new int[Rows];
        _ids = From<int>("ids", new(Rows), ids, DType.I32);
        Embedding.OrderRows(ids, new long[Rows], order);
        _order = Ops.Embedding.UsesOrder ? From<int>("order", new(Rows), order, DType.I32) : default;
        RmsNormForward();
    }

    [Benchmark]
    public void RmsNormForward()
    {
        Ops.RmsNorm.Forward(_x, _weight, 1e-6f, _branch, _invRms);
        Wait();
    }

    [Benchmark]
    public void RmsNormBackward()
    {
        Ops.RmsNorm.Backward(_dx, _x, _weight, _invRms, Into.Overwrite, _branch, _dWeight);
        Wait();
    }

    [Benchmark]
    public void ReluForward()
    {
        Ops.Relu.Forward(_gate, _hidden);
        Wait();
    }

    [Benchmark]
    public void ReluBackward()
    {
        Ops.Relu.Backward(_up, _gate, _hidden);
        Wait();
    }

    [Benchmark]
    public void GatedGeluForward()
    {
        Ops.GatedGelu.Forward(_gate, _up, _hidden);
        Wait();
    }

    [Benchmark]
    public void GatedGeluBackward()
    {
        Ops.GatedGelu.Backward(_up, _gate, _up, _dGate, _dUp, _hidden);
        Wait();
    }

    [Benchmark]
    public void DropoutForward()
    {
        Ops.Dropout.Forward(_gate, _keys, Site, _hidden);
        Wait();
    }

    [Benchmark]
    public void ResidualAddForward()
    {
        Ops.ResidualAdd.Forward(_x, _branch, _keys, Site, _dx);
        Wait();
    }

    [Benchmark]
    public void EmbeddingForward()
    {
        Ops.Embedding.Forward(_ids, _table, _branch);
        Wait();
    }

    [Benchmark]
    public void EmbeddingBackward()
    {
        Ops.Embedding.Backward(_dx, _ids, _order, _dTable);
        Wait();
    }

    public override Cost CostOf(string benchmark) => benchmark switch
    {
        nameof(RmsNormForward) => RmsNorm.ForwardCost(Rows, Width),
        nameof(RmsNormBackward) => RmsNorm.BackwardCost(Rows, Width),
        nameof(ReluForward) => Relu.ForwardCost((long)Rows * DFeedForward),
        nameof(ReluBackward) => Relu.BackwardCost((long)Rows * DFeedForward),
        nameof(GatedGeluForward) => GatedGelu.ForwardCost((long)Rows * DFeedForward),
        nameof(GatedGeluBackward) => GatedGelu.BackwardCost((long)Rows * DFeedForward),
        nameof(DropoutForward) => Dropout.ForwardCost((long)Rows * DFeedForward),
        nameof(ResidualAddForward) => ResidualAdd.ForwardCost((long)Rows * Width),
        nameof(EmbeddingForward) => Embedding.ForwardCost(Rows, Width),
        _ => Embedding.BackwardCost(Rows, Width),
    };
}
