using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using Xunit;

namespace DistillEngine.Tests.Benchmarks;

public class BenchTests
{
    static readonly Roof Limits = new(Threads: 2, Fp32Gflops: 100, Bf16Gflops: null, Int8Gops: null, ReadGBs: 10, CopyGBs: 8);

    [Fact]
    public void Seconds_OfWork_IsTheLongerOfArithmeticAndTraffic()
    {
        Assert.Equal(0.02, Limits.Seconds(new Cost(2_000_000_000, 100_000_000)), 1e-12);
        Assert.Equal(0.03, Limits.Seconds(new Cost(2_000_000_000, 300_000_000)), 1e-12);
        // Emulated products run as float32 ones.
        Assert.Equal(0.02, Limits.Seconds(new Cost(2_000_000_000, 0), PeakKind.Int8), 1e-12);
        Assert.Equal(0.02, Limits.Seconds(new Cost(2_000_000_000, 0), PeakKind.Bf16), 1e-12);
        Assert.Equal(0.02, Limits.Seconds(new Cost(2_000_000_000, 0), PeakKind.Tf32), 1e-12);
        Assert.Equal(0.005, (Limits with { Tf32Gflops = 400 }).Seconds(new Cost(2_000_000_000, 0), PeakKind.Tf32), 1e-12);
        Assert.Equal(0.01, (Limits with { Bf16Gflops = 200 }).Seconds(new Cost(2_000_000_000, 0), PeakKind.Bf16), 1e-12);
        // Dot products that are slower than float32 are no limit, since operands are widened then.
        Assert.Equal(0.02, (Limits with { Bf16Gflops = 50 }).Seconds(new Cost(2_000_000_000, 0), PeakKind.Bf16), 1e-12);
    }

    [Fact]
    public void Timing_OfRuns_TakesTheMiddle()
    {
        Assert.Equal(new Timing(2, 1, 9), Timing.Of([9, 1, 2]));
        Assert.Equal(new Timing(2.5, 1, 9), Timing.Of([9, 1, 2, 3]));
    }

    [Fact]
    public void Step_OfATinyModel_GivesEveryPartAndALimit()
    {
        using CpuBackend backend = new(CpuIsas.Choose(), threads: 2);
        using var bench = new StepBench(new StepBenchOptions { Model = "tiny", Batch = 1, Source = 4, Target = 3 }, backend);
        StepBenchResult result = bench.Run(CancellationToken.None);
        Assert.True(result.Steps >= 7 && result.Conditions.PeakRssMb > 0 && result.Conditions.ReadGBs > 0);
        Assert.All([result.Forward, result.Backward, result.Optimizer, result.Step], t => Assert.True(t.Min > 0 && t.Min <= t.Median && t.Median <= t.Max));
        Assert.True(result.Forward.Min + result.Backward.Min + result.Optimizer.Min <= result.Step.Max);
        Assert.Equal(7, result.Tokens);
        Assert.Equal(1e3 * (result.ProductFlops / 100e9 + result.OptimizerBytes / 10e9), result.LimitMs(Limits), 1e-9);
        Assert.Equal(result.LimitMs(Limits) / result.Step.Median, result.ShareOfLimit(Limits), 1e-9);
    }

    [Fact]
    public void Generate_OfATinyModel_ReachesItsNumberOfTokens()
    {
        using CpuBackend backend = new(CpuIsas.Choose(), threads: 1);
        using var bench = new DecodeBench(new DecodeBenchOptions { Model = "tiny", Batch = 2, Source = 3, Tokens = 4 }, backend);
        ReadOnlySpan<int> ids = bench.Generate();
        Assert.Equal(2 * 5, ids.Length);
        Assert.Equal(-1, ids.IndexOf(bench.Config.EosId));
        DecodeBenchResult result = bench.Run(CancellationToken.None);
        Assert.Equal(result.Work.Step.Bytes / 2.0, result.BytesPerToken);
        Assert.Equal(1e3 * (Limits.Seconds(result.Work.Encoder) + 4 * Limits.Seconds(result.Work.Step)), result.LimitMs(Limits), 1e-9);
    }

    [Fact]
    public void Run_WhenCancelled_Stops()
    {
        using CpuBackend backend = new(CpuIsas.Choose(), threads: 1);
        using var bench = new StepBench(new StepBenchOptions { Model = "tiny", Batch = 1, Source = 2, Target = 2 }, backend);
        Assert.Throws<OperationCanceledException>(() => bench.Run(new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Seconds_OfProductsOfSeveralTypes_AddsTheirTimes()
    {
        Roof roof = Limits with { Bf16Gflops = 200, Int8Gops = 400 };
        Assert.Equal(0.06, roof.Seconds(new ProductWork(Fp32Flops: 2_000_000_000, Bf16Flops: 4_000_000_000, Int8Flops: 8_000_000_000,
            Bytes: 500_000_000)), 1e-12);
        Assert.Equal(0.07, roof.Seconds(new ProductWork(2_000_000_000, 4_000_000_000, 8_000_000_000, 700_000_000)), 1e-12);
    }

    [Fact]
    public void Lines_OfAProfile_HoldEveryOpAndAddUp()
    {
        TraceLog log = Trace.Open();
        using (Trace.Op("product", new Cost(1000, 10)))
        {
        }
        using (Trace.Op("clear", new Cost(0, 10)))
        {
        }
        log.Dispose();
        string[] lines = [.. ProfileTable.Lines(log, seconds: 1, Limits, PeakKind.Fp32)];
        Assert.Equal(log.Rows.Count + 3, lines.Length);
        Assert.Equal(log.Rows.Select(row => row.Op), lines[1..3].Select(line => line.Split(' ')[0]));
        Assert.StartsWith("outside of ops", lines[3], StringComparison.Ordinal);
        Assert.Contains("100 GFLOP/s", lines[4], StringComparison.Ordinal);
        double shares = lines[1..4].Sum(line => double.Parse(line.Split('%')[0].Trim().Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(100, shares, 0.2);
    }

    [Theory]
    [InlineData("matmul.forward", PeakKind.Bf16)]
    [InlineData("matmul.backward.weight", PeakKind.Bf16)]
    [InlineData("linear_cross_entropy.backward", PeakKind.Int8)]
    [InlineData("matmul.refine_greatest", PeakKind.Fp32)]
    [InlineData("attention.forward", PeakKind.Fp32)]
    [InlineData("rms_norm.backward", PeakKind.Fp32)]
    [InlineData("adamw.update", PeakKind.Fp32)]
    public void Lines_OfAProfile_CompareEachOpWithThePeakOfItsType(string op, PeakKind kind)
    {
        Roof roof = Limits with { Bf16Gflops = 200, Int8Gops = 400 };
        PeakKind operands = kind == PeakKind.Fp32 ? PeakKind.Bf16 : kind;
        TraceLog log = Trace.Open();
        using (Trace.Op(op, new Cost(1_000_000_000, 0)))
        {
        }
        log.Dispose();
        string[] lines = [.. ProfileTable.Lines(log, seconds: 1, roof, operands)];
        double expected = 100 * roof.Seconds(new Cost(1_000_000_000, 0), kind) / Assert.Single(log.Rows).Seconds;
        Assert.EndsWith(string.Create(System.Globalization.CultureInfo.InvariantCulture, $" {expected:F1} %"), lines[1], StringComparison.Ordinal);
        Assert.Contains($"{roof.Gflops(operands):F0} GFLOP/s (products; 100 all else)", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Open_OfALogWithinAnother_AddsToBoth()
    {
        using TraceLog outer = Trace.Open();
        using (TraceLog inner = Trace.Open())
        {
            using (Trace.Op("product", new Cost(4, 2)))
            {
            }
            Assert.Equal(new Cost(4, 2), Assert.Single(inner.Rows).Cost);
        }
        Assert.Equal(new Cost(4, 2), Assert.Single(outer.Rows).Cost);
    }

    [Theory]
    [InlineData(CpuIsa.Scalar)]
    [InlineData(CpuIsa.Vector128)]
    [InlineData(CpuIsa.Vector256)]
    [InlineData(CpuIsa.Vector512)]
    public void Find_OfThePeakLoops_CountsTheLanes(CpuIsa isa)
    {
        long scalar = PeakLoops.Find(PeakKind.Fp32, CpuIsa.Scalar)!.Value.Operations;
        int lanes = isa switch { CpuIsa.Vector512 => 16, CpuIsa.Vector256 => 8, CpuIsa.Vector128 => 4, _ => 1 };
        Assert.Equal(scalar * lanes, PeakLoops.Find(PeakKind.Fp32, isa)!.Value.Operations);
    }

    [Theory]
    [InlineData(CpuIsa.Avx2)]
    [InlineData(CpuIsa.Avx512)]
    [InlineData(CpuIsa.Avx512Bf16)]
    public void Find_OfTheEmittedPeakLoops_CountsTheMultiplyAddsAndRuns(CpuIsa isa)
    {
        CpuVariants.SkipWhereImpossible(isa);
        PeakLoop fp32 = PeakLoops.Find(PeakKind.Fp32, isa)!.Value;
        PeakLoop? bf16 = PeakLoops.Find(PeakKind.Bf16, isa), int8 = PeakLoops.Find(PeakKind.Int8, isa);
        Assert.Equal(isa != CpuIsa.Avx2 && CpuIsas.Obstacle(CpuIsa.Avx512Bf16) is null, bf16 is not null);
        if (bf16 is { } pairs) Assert.Equal(2 * fp32.Operations, pairs.Operations);
        // Narrower ones, which have fewer sums, stand in where a processor with AVX-512 has no dot product of bytes.
        if (isa == CpuIsa.Avx2 || Processor.HasVnni) Assert.Equal(4 * fp32.Operations, int8!.Value.Operations);
        else Assert.NotNull(int8);
        using var meter = new RooflineMeter(isa, threads: 1);
        foreach (PeakKind kind in new[] { PeakKind.Fp32, PeakKind.Bf16, PeakKind.Int8 })
        {
            if (meter.Operations(kind) is not null) meter.Compute(kind);
            else Assert.Contains(PeakLoops.WhyMissing(kind), Assert.Throws<InvalidOperationException>(() => meter.Compute(kind)).Message);
        }
    }

    [Fact]
    public void Measure_OfTheKernelsOfAvx2_ReachesMoreWithBytesThanWithFloats()
    {
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx2);
        Roof roof = RooflineMeter.Measure(CpuIsa.Avx2, threads: 1);
        Assert.True(roof.Int8Gops > roof.Fp32Gflops, $"{roof.Int8Gops} GOP/s beside {roof.Fp32Gflops} GFLOP/s");
        Assert.Equal(roof.Int8Gops, roof.Gflops(PeakKind.Int8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void Int8OfAvx2_WithAndWithoutDotProducts_CountsTheSameAndRuns(bool hasDot)
    {
        CpuVariants.SkipWhereImpossible(CpuIsa.Avx2);
        if (hasDot && !Processor.HasAvxVnni) Assert.Skip("The processor has no AVX-VNNI.");
        PeakLoop loop = PeakLoops.Emitted(PeakRoutines.Int8OfAvx2(CpuIsa.Avx2, hasDot))!.Value;
        Assert.Equal(4 * PeakLoops.Find(PeakKind.Fp32, CpuIsa.Avx2)!.Value.Operations, loop.Operations);
        loop.Body(loop.Context, 0, 0);
    }
}
