using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Bench;

/// <summary>Greedy decoding in every weight form: sources of 64 tokens, 32 new ones, none ending early.</summary>
[Description("greedy generation with T5 v1.1 small and base")]
public class DecodeBenchmark : OpBenchmark
{
    DecodeBench _bench = null!;

    [Params("v1.1-small", "v1.1-base")]
    public string Model { get; set; } = "";

    [Params(1, 8, 32)]
    public int Batch { get; set; }

    [ParamsSource(nameof(Forms))]
    public WeightForm Weights { get; set; }

    DecodeBenchOptions Options => new() { Model = Model, Batch = Batch, Weights = Weights };

    [GlobalSetup]
    public void Setup() => _bench = new DecodeBench(Options, Backend);

    [Benchmark]
    public void Greedy() => _bench.Generate();

    protected override void Release() => _bench?.Dispose();

    public override double LimitSeconds(string benchmark, Roof roof) => Work().Seconds(roof, Options.Tokens);

    public override Cost CostOf(string benchmark)
    {
        DecodeWork work = Work();
        return new(work.Encoder.Flops + Options.Tokens * work.Step.Flops, work.Encoder.Bytes + Options.Tokens * work.Step.Bytes);
    }

    DecodeWork Work()
    {
        T5Config config = T5Presets.Find(Model)!;
        return DecodeWork.Of(config, DecodeBench.RandomBatch(Options, config), Options.Tokens, Options.Weights);
    }
}
