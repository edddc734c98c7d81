using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The optimizers on one embedding of T5 small's size, 16.4 million parameters: bound by memory.</summary>
[Description("optimizers over one embedding")]
public class UpdateBenchmark : OpBenchmark
{
    const int Vocabulary = 32_128, Width = 512;

    Tensor _value, _gradient, _m, _v, _norm, _rows, _columns, _scratch;
    AdafactorState _state;

    [GlobalSetup]
    public void Setup()
    {
        Shape shape = new(Vocabulary, Width);
        (_value, _gradient, _m, _v) = (Random("value", shape), Random("gradient", shape), Zeros("m", shape), Zeros("v", shape));
        (_norm, _rows, _columns, _scratch) = (From<float>("norm", new(1), [1], DType.F32), Zeros("rows", new(Vocabulary)), Zeros("columns", new(Width)), Zeros("scratch", shape));
        _state = new AdafactorState(_rows, _columns, default, default);
    }

    [Benchmark]
    public void AdamW()
    {
        Ops.AdamW.Update(_gradient, _norm, new AdamWStep(AdamWForm.Torch, 10, 1e-4, 0.9, 0.999, 1e-8, 0, 1), _value, _m, _v);
        Wait();
    }

    [Benchmark]
    public void Adafactor()
    {
        Ops.Adafactor.Update(_gradient, _norm,
            new AdafactorStep(AdafactorDialect.HuggingFace, 10, 1e-3, 0.8, 1e-30, 1e-3, 1, 0, 0, true, false, false, 1), _value, _state, _scratch);
        Wait();
    }

    public override Cost CostOf(string benchmark) => benchmark == nameof(AdamW)
        ? Kernels.AdamW.UpdateCost((long)Vocabulary * Width)
        : Kernels.Adafactor.UpdateCost(new(Vocabulary, Width), isFactored: true, hasMoment: false);
}
