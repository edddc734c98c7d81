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
    RooflineMeter _meter = null!;

    [GlobalSetup]
    public void Setup() => _meter = new RooflineMeter(CpuIsas.Choose(), ThreadCount);

    [Benchmark(Description = "multiply-add peak")]
    public void MultiplyAddPeak() => _meter.Compute(PeakKind.Fp32);

    [Benchmark(Description = "memory read")]
    public void MemoryRead() => _meter.Read();

    [Benchmark(Description = "memory copy")]
    public void MemoryCopy() => _meter.Copy();

    public override Cost CostOf(string benchmark) => benchmark switch
    {
        nameof(MultiplyAddPeak) => new(PeakLoops.Find(PeakKind.Fp32, CpuIsas.Choose())!.Value.Operations * ThreadCount, 0),
        nameof(MemoryRead) => new(0, RooflineMeter.StreamBytes),
        _ => new(0, 2 * RooflineMeter.StreamBytes),
    };

    protected override void Release() => _meter?.Dispose();
}
