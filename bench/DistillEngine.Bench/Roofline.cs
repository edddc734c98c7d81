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

    /// <summary>Operations and bytes of a device's loops.</summary>
    static readonly Lazy<Cost> DeviceCost = new(() =>
    {
        using IBackend backend = BenchDevice.Open(ThreadCount, ComputePrecision.F32);
        using IDeviceRoofline loops = backend.OpenRoofline()!;
        return new(loops.Operations, loops.StreamBytes);
    });

    RooflineMeter? _meter;
    IDeviceRoofline? _loops;

    [GlobalSetup]
    public void Setup()
    {
        if (BenchDevice.Name is null) _meter = new RooflineMeter(CpuIsas.Choose(), ThreadCount);
        else _loops = Backend.OpenRoofline();
    }

    [Benchmark(Description = "multiply-add peak")]
    public void MultiplyAddPeak()
    {
        _meter?.Compute(PeakKind.Fp32);
        _loops?.Compute();
        Wait();
    }

    [Benchmark(Description = "bf16 dot product peak")]
    public void Bf16Peak()
    {
        _meter?.Compute(Bf16);
        _loops?.Compute();
        Wait();
    }

    [Benchmark(Description = "int8 dot product peak")]
    public void Int8Peak()
    {
        _meter?.Compute(Int8);
        _loops?.Compute();
        Wait();
    }

    [Benchmark(Description = "memory read")]
    public void MemoryRead()
    {
        _meter?.Read();
        _loops?.Read();
        Wait();
    }

    [Benchmark(Description = "memory copy")]
    public void MemoryCopy()
    {
        _meter?.Copy();
        _loops?.Copy();
        Wait();
    }

    public override Cost CostOf(string benchmark) => benchmark switch
    {
        nameof(MultiplyAddPeak) => PeakCost(PeakKind.Fp32),
        nameof(Bf16Peak) => PeakCost(Bf16),
        nameof(Int8Peak) => PeakCost(Int8),
        nameof(MemoryRead) => new(0, StreamBytes),
        _ => new(0, 2 * StreamBytes),
    };

    public override double LimitSeconds(string benchmark, Roof roof) =>
        roof.Seconds(CostOf(benchmark), benchmark switch { nameof(Bf16Peak) => DType.BF16, nameof(Int8Peak) => DType.I8, _ => DType.F32 });

    static PeakKind OrFp32(PeakKind kind) => PeakLoops.Find(kind, CpuIsas.Choose()) is null ? PeakKind.Fp32 : kind;

    static long StreamBytes => BenchDevice.Name is null ? RooflineMeter.StreamBytes : DeviceCost.Value.Bytes;

    static Cost PeakCost(PeakKind kind) =>
        new(BenchDevice.Name is null ? PeakLoops.Find(kind, CpuIsas.Choose())!.Value.Operations * ThreadCount : DeviceCost.Value.Flops, 0);

    protected override void Release()
    {
        _meter?.Dispose();
        _loops?.Dispose();
    }
}
