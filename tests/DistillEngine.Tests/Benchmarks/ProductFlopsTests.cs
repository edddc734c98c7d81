using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Benchmarks;

public class ProductFlopsTests
{
    // The recorded counts are rounded, and leave open how a causal row's keys were counted.
    const double Rounding = 0.003;

    [Theory]
    [InlineData("v1.1-small", false, 129)]
    [InlineData("v1.1-small", true, 265)]
    [InlineData("v1.1-base", false, 501)]
    [InlineData("v1.1-base", true, 1024)]
    public void Step_OfKnownModels_IsTheRecordedCount(string model, bool stepByStep, double gflop)
    {
        T5Config config = T5Presets.Find(model)!;
        Batch batch = StepBench.RandomBatch(new StepBenchOptions { Model = model, StepByStep = stepByStep }, config);
        Assert.InRange(ProductFlops.Step(config, batch) * 1e-9, gflop * (1 - Rounding), gflop * (1 + Rounding));
    }

    [Theory]
    [InlineData("tiny", false, "adamw", 1)]
    [InlineData("tiny", true, "adafactor", 2)]
    public void Step_OfARealStep_IsTheSumOfItsOps(string model, bool stepByStep, string optimizer, int threads)
    {
        using CpuBackend backend = new(CpuIsas.Choose(), threads);
        using var bench = new StepBench(new StepBenchOptions
        {
            Model = model, Batch = 2, Source = 9, Target = 5, StepByStep = stepByStep,
            Optimizer = optimizer
        }, backend);
        using TraceLog log = Trace.Open();
        bench.Step();
        Assert.Equal(ProductFlops.Step(bench.Config, bench.Batch), Products(log));
        Assert.True(bench.UpdateBytes() > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Encoder_AndDecodeSteps_AreTheSumOfARealGenerationsOps(int sequences)
    {
        // An odd number of tokens: the mean number of keys is whole.
        var options = new DecodeBenchOptions { Model = "tiny", Batch = sequences, Source = 6, Tokens = 5 };
        using CpuBackend backend = new(CpuIsas.Choose(), threads: 1);
        using var bench = new DecodeBench(options, backend);
        using TraceLog log = Trace.Open();
        bench.Generate();
        DecodeWork work = DecodeWork.Of(bench.Config, bench.Batch, options.Tokens, options.Weights);
        Assert.Equal(work.Encoder.Flops + options.Tokens * work.Step.Flops, Products(log));
    }

    [Theory]
    [InlineData(WeightForm.F32)]
    [InlineData(WeightForm.BF16)]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Int4)]
    public void DecodeWork_OfAForm_CountsItsProductsByTheirOperands(WeightForm form)
    {
        T5Config config = T5Presets.Find("v1.1-small")!;
        var options = new DecodeBenchOptions { Model = "v1.1-small", Batch = 2, Weights = form };
        ProductWork step = DecodeWork.Of(config, DecodeBench.RandomBatch(options, config), options.Tokens, form).Step;
        const long After = 2 * 2 * 8L * 512 * 1024;
        long maps = 2 * 2 * ProductFlops.DecoderWeights(config), attention = step.Flops - maps;
        Assert.True(attention > 0);
        Assert.Equal(form switch
        {
            WeightForm.F32 => (maps + attention, 0, 0),
            WeightForm.BF16 => (attention, maps, 0),
            _ => (attention, After, maps - After),
        }, (step.Fp32Flops, step.Bf16Flops, step.Int8Flops));
    }

    [Fact]
    public void DecoderWeights_OfKnownModels_AreWhatATokenReads()
    {
        Assert.Equal(38.5, ProductFlops.DecoderWeights(T5Presets.Find("v1.1-small")!) * 1e-6, 0.05);
        Assert.Equal(124, ProductFlops.DecoderWeights(T5Presets.Find("v1.1-base")!) * 1e-6, 0.5);
    }

    static long Products(TraceLog log) =>
        log.Rows.Where(row => row.Op.Split('.')[0] is "matmul" or "attention" or "linear_cross_entropy").Sum(row => row.Cost.Flops);
}
