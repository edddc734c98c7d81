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
    /// <summary>Of a device's loops: operations in float32, and in bf16 where it has such arithmetic, and bytes.</summary>
    static readonly Lazy<(long Fp32, long? Bf16, long Bytes)> Device = new(() =>
    {
        using IBackend backend = BenchDevice.Open(ThreadCount, ComputePrecision.F32);
        using IDeviceRoofline loops = backend.OpenRoofline()!;
        return new(loops.Operations(ComputePrecision.F32)!.Value, loops.Operations(ComputePrecision.Bf16), loops.StreamBytes);
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
        Compute(PeakKind.Fp32);
    }

    [Benchmark(Description = "bf16 dot product peak")]
    public void Bf16Peak()
    {
        Compute(PeakKind.Bf16);
    }

    [Benchmark(Description = "int8 dot product peak")]
    public void Int8Peak()
    {
        Compute(PeakKind.Int8);
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
        nameof(Bf16Peak) => PeakCost(PeakKind.Bf16),
        nameof(Int8Peak) => PeakCost(PeakKind.Int8),
        nameof(MemoryRead) => new(0, StreamBytes),
        _ => new(0, 2 * StreamBytes),
    };

    public override double LimitSeconds(string benchmark, Roof roof) =>
        roof.Seconds(CostOf(benchmark), benchmark switch { nameof(Bf16Peak) => PeakKind.Bf16, nameof(Int8Peak) => PeakKind.Int8, _ => PeakKind.Fp32 });

    void Compute(PeakKind kind)
    {
        _meter?.Compute(OrFp32(kind));
        _loops?.Compute(OrFp32(kind) == PeakKind.Bf16 ? ComputePrecision.Bf16 : ComputePrecision.F32);
        Wait();
    }

    /// <summary>Where the chosen kernels or the device have no such products, the peak of float32, by which their limits go then.</summary>
    static PeakKind OrFp32(PeakKind kind)
    {
        bool isMeasured = BenchDevice.Name is null ? PeakLoops.Find(kind, CpuIsas.Choose()) is not null
            : kind == PeakKind.Bf16 && Device.Value.Bf16 is not null;
        return isMeasured ? kind : PeakKind.Fp32;
    }

    static long StreamBytes => BenchDevice.Name is null ? RooflineMeter.StreamBytes : Device.Value.Bytes;

    static Cost PeakCost(PeakKind kind) => new(BenchDevice.Name is null ? PeakLoops.Find(OrFp32(kind), CpuIsas.Choose())!.Value.Operations * ThreadCount
        : OrFp32(kind) == PeakKind.Bf16 ? Device.Value.Bf16!.Value : Device.Value.Fp32, 0);

    protected override void Release()
    {
        _meter?.Dispose();
        _loops?.Dispose();
    }
}
