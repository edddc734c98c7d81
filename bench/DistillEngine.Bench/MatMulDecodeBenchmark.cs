using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The products of decoding: few rows, and each weight comes from memory, since all layers together exceed the caches.</summary>
[Description("the products of decoding: few rows, weights from memory")]
public class MatMulDecodeBenchmark : OpBenchmark
{
    const int Layers = 48;

    MatMul _op = null!;
    Weight[] _weights = [];
    Tensor _x, _y;
    int _layer;

    [Params(1, 8)]
    public int Rows { get; set; }

    [ParamsSource(nameof(Shapes))]
    public LinearShape Map { get; set; } = LinearShape.All[0];

    public static IEnumerable<LinearShape> Shapes => LinearShape.All.Where(shape => shape.Name is "small v1.0 wi" or "base wo");

    [GlobalSetup]
    public void Setup()
    {
        _op = Ops.MatMul;
        _weights = [.. Enumerable.Range(0, Layers).Select(layer => new Weight(Random($"w{layer}", new(Map.Outputs, Map.Inputs))))];
        (_x, _y) = (Random("x", new(Rows, Map.Inputs)), Zeros("y", new(Rows, Map.Outputs)));
    }

    [Benchmark]
    public void Forward()
    {
        _layer = (_layer + 1) % Layers;
        _op.Forward(_x, _weights[_layer], Into.Overwrite, _y);
    }

    public override Cost CostOf(string benchmark) => MatMul.ForwardCost(Rows, Map.Inputs, Map.Outputs);
}
