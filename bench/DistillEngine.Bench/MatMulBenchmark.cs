using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The products of training.</summary>
[Description("the products of training")]
public class MatMulBenchmark : OpBenchmark
{
    MatMul _op = null!;
    Weight _w = null!;
    Tensor _x, _y, _dx, _dWeight;

    [Params(64, 512, 2048)]
    public int Rows { get; set; }

    [ParamsSource(nameof(Types))]
    public ComputePrecision Type { get; set; }

    public override ComputePrecision Operands => Type;

    [ParamsSource(nameof(Shapes))]
    public LinearShape Map { get; set; } = LinearShape.All[0];

    public static IEnumerable<LinearShape> Shapes => LinearShape.All;

    [GlobalSetup]
    public void Setup()
    {
        _op = Ops.MatMul;
        _w = new Weight(Random("w", new(Map.Outputs, Map.Inputs)));
        (_x, _y) = (Random("x", new(Rows, Map.Inputs)), Random("y", new(Rows, Map.Outputs)));
        (_dx, _dWeight) = (Zeros("dx", _x.Shape), Zeros("dWeight", _w.Value.Shape));
    }

    [Benchmark]
    public void Forward()
    {
        _op.Forward(_x, _w, Into.Overwrite, _y);
        Wait();
    }

    [Benchmark]
    public void Backward()
    {
        _op.Backward(_y, _x, _w, Into.Overwrite, _dx, _dWeight);
        Wait();
    }

    public override Cost CostOf(string benchmark) => benchmark == nameof(Forward)
        ? MatMul.ForwardCost(Rows, Map.Inputs, Map.Outputs)
        : MatMul.BackwardCost(Rows, Map.Inputs, Map.Outputs);
}
