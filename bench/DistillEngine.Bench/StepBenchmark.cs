using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Bench;

/// <summary>One training step with random weights: batch 8, source 64, AdamW, dropout 0.1; plain with targets of 32 tokens, and the method's own.</summary>
[Description("training step of T5 v1.1 small; shown has that of base")]
public class StepBenchmark : OpBenchmark
{
    StepBench _bench = null!;

    [Params("v1.1-small")]
    public string Model { get; set; } = "";

    [Params(false, true)]
    public bool StepByStep { get; set; }

    [ParamsSource(nameof(Types))]
    public ComputePrecision Type { get; set; }

    public override ComputePrecision Operands => Type;

    StepBenchOptions Options => new() { Model = Model, StepByStep = StepByStep };

    [GlobalSetup]
    public void Setup() => _bench = new StepBench(Options, Backend);

    [Benchmark]
    public void Step()
    {
        _bench.Step();
        Wait();
    }

    protected override void Release() => _bench?.Dispose();

    public override Cost CostOf(string benchmark)
    {
        T5Config config = T5Presets.Find(Model)!;
        long parameters = T5Model.Declare(config).Sum(s => s.Shape.Count);
        return new(ProductFlops.Step(config, StepBench.RandomBatch(Options, config)), AdamW.UpdateCost(parameters).Bytes);
    }
}
