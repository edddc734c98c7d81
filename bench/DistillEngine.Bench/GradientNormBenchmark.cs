using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The norm over all gradients of T5 small, 60.5 million parameters.</summary>
[Description("global norm of the gradients")]
public class GradientNormBenchmark : OpBenchmark
{
    const int Parameters = 60_506_624;

    GradientNorm _op = null!;
    Tensor _gradients, _norm;

    [GlobalSetup]
    public void Setup()
    {
        _op = Ops.GradientNorm;
        (_gradients, _norm) = (Random("gradients", new(1, Parameters)), Zeros("norm", new(1)));
    }

    [Benchmark]
    public void Forward()
    {
        _op.Forward(_gradients, _norm);
        Wait();
    }

    public override Cost CostOf(string benchmark) => GradientNorm.ForwardCost(Parameters);
}
