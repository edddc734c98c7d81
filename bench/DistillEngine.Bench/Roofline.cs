using System.ComponentModel;
using BenchmarkDotNet.Attributes;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The machine's limits at this moment, which every other row is compared with.</summary>
[Description("arithmetic from registers, memory read and copied: part of every run")]
public class Roofline : OpBenchmark
{
    // Where the chosen kernels have no such products, the peak of float32, by which their limits go then.
    static readonly PeakKind Bf16 = OrFp32(PeakKind.Bf16), Int8 = OrFp32(PeakKind.Int8);

    RooflineMeter _meter = null!;

    [GlobalSetup]
    public void Setup() => _meter = new RooflineMeter(CpuIsas.Choose(), ThreadCount);

    [Benchmark(Description = "multiply-add peak")]
    public void MultiplyAddPeak() => _meter.Compute(PeakKind.Fp32);

    [Benchmark(Description = "bf16 dot product peak")]
    public void Bf16Peak() => _meter.Compute(Bf16);

    [Benchmark(Description = "int8 dot product peak")]
    public void Int8Peak() => _meter.Compute(Int8);

    [Benchmark(Description = "memory read")]
    public void MemoryRead() => _meter.Read();

    [Benchmark(Description = "memory copy")]
    public void MemoryCopy() => _meter.Copy();

    public override Cost CostOf(string benchmark) => benchmark switch
    {
        nameof(MultiplyAddPeak) => PeakCost(PeakKind.Fp32),
        nameof(Bf16Peak) => PeakCost(Bf16),
        nameof(Int8Peak) => PeakCost(Int8),
        nameof(MemoryRead) => new(0, RooflineMeter.StreamBytes),
        _ => new(0, 2 * RooflineMeter.StreamBytes),
    };

    public override double LimitSeconds(string benchmark, Roof roof) =>
        roof.Seconds(CostOf(benchmark), benchmark switch { nameof(Bf16Peak) => DType.BF16, nameof(Int8Peak) => DType.I8, _ => DType.F32 });

    static PeakKind OrFp32(PeakKind kind) => PeakLoops.Find(kind, CpuIsas.Choose()) is null ? PeakKind.Fp32 : kind;

    static Cost PeakCost(PeakKind kind) => new(PeakLoops.Find(kind, CpuIsas.Choose())!.Value.Operations * ThreadCount, 0);

    protected override void Release() => _meter?.Dispose();
}
