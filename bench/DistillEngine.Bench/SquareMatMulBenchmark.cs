using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>Products of square matrices, by which libraries are compared.</summary>
[Description("products of square matrices")]
public class SquareMatMulBenchmark : OpBenchmark
{
    MatMul _op = null!;
    Weight _w = null!;
    Tensor _x, _y;

    [Params(512, 1024, 2048)]
    public int Side { get; set; }

    [ParamsSource(nameof(Types))]
    public ComputePrecision Type { get; set; }

    public override ComputePrecision Operands => Type;

    [GlobalSetup]
    public void Setup()
    {
        _op = Ops.MatMul;
        _w = new Weight(Random("w", new(Side, Side)));
        (_x, _y) = (Random("x", new(Side, Side)), Zeros("y", new(Side, Side)));
    }

    [Benchmark]
    public void Forward()
    {
        _op.Forward(_x, _w, Into.Overwrite, _y);
        Wait();
    }

    public override Cost CostOf(string benchmark) => MatMul.ForwardCost(Side, Side, Side);
}
