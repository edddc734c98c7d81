using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The products of decoding and of the encoder of a short text: few rows, and each weight comes from memory, since all layers together
/// exceed the caches. packed-f32 is how a model for generation alone holds f32.</summary>
[Description("the products of decoding and of short texts: few rows, weights from memory")]
public class MatMulDecodeBenchmark : OpBenchmark
{
    const int Layers = 48;

    ParameterStore? _store;
    MatMul _op = null!;
    Weight[] _weights = [];
    Tensor _x, _y;
    int _layer;

    [Params(1, 8, 64)]
    public int Rows { get; set; }

    [ParamsSource(nameof(MapForms))]
    public WeightForm Weights { get; set; }

    [ParamsSource(nameof(Shapes))]
    public LinearShape Map { get; set; } = LinearShape.All[0];

    public static IEnumerable<WeightForm> MapForms => [.. Forms, .. PackedFloats()];

    public static IEnumerable<LinearShape> Shapes => LinearShape.All.Where(shape => shape.Name is "small v1.0 wi" or "base wo");

    [GlobalSetup]
    public void Setup()
    {
        _op = Ops.MatMul;
        Shape shape = new(Map.Outputs, Map.Inputs);
        float[] values = RandomNumbers(shape.Count);
        ParameterSpec spec = new("w", shape, Initializer.Normal, 1, ParameterUse.Linear);
        _store = new ParameterStore([.. Enumerable.Repeat(spec, Layers)], Backend, training: false, Weights);
        for (int i = 0; i < Layers; i++)
            _store.Write(new(i), (start, destination) => values.AsSpan((int)start, destination.Length).CopyTo(destination));
        _weights = [.. Enumerable.Range(0, Layers).Select(i => _store.Weight(new(i)))];
        (_x, _y) = (Random("x", new(Rows, Map.Inputs)), Zeros("y", new(Rows, Map.Outputs)));
    }

    [Benchmark]
    public void Forward()
    {
        _layer = (_layer + 1) % Layers;
        _op.Forward(_x, _weights[_layer], Into.Overwrite, _y);
        Wait();
    }

    static IEnumerable<WeightForm> PackedFloats()
    {
        if (BenchDevice.Name is not null) yield break;
        using IBackend backend = BenchDevice.Open(1, ComputePrecision.F32);
        if (backend.Kernels.MatMul.Supports(WeightForm.PackedF32)) yield return WeightForm.PackedF32;
    }

    public override double LimitSeconds(string benchmark, Roof roof) => roof.Seconds(CostOf(benchmark), DecodeWork.OperandsOf(Weights));

    protected override void Release() => _store?.Dispose();

    public override Cost CostOf(string benchmark)
    {
        Cost cost = MatMul.ForwardCost(Rows, Map.Inputs, Map.Outputs);
        long floats = sizeof(float) * (long)Map.Outputs * Map.Inputs;
        return Weights == WeightForm.F32 ? cost : cost with { Bytes = cost.Bytes - floats + PackedWeight.ByteLengthOf(Weights, Map.Outputs, Map.Inputs) };
    }
}
