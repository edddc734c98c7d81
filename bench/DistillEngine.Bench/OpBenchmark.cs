using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>
/// Base of the op benchmarks. A new row is a method with [Benchmark] and its line in <see cref="CostOf(string)"/>; the columns GFLOP/s,
/// GB/s and share of the limit follow. DISTILL_ISA and DISTILL_BENCH_THREADS choose the width and the threads,
/// DISTILL_DEVICE another device than the processor; a method ends with <see cref="Wait"/>, since that only queues its work.
/// </summary>
public abstract class OpBenchmark : IDisposable
{
    readonly List<DeviceBuffer> _buffers = [];
    readonly Random _random = new(1);
    IBackend? _backend;
    ComputePool? _pool;

    /// <summary>Types of operands that the processor and every device have, emulated where need be.</summary>
    public static IEnumerable<ComputePrecision> Types => [ComputePrecision.F32, ComputePrecision.Bf16];

    /// <summary>Forms of weights that the device has.</summary>
    public static IEnumerable<WeightForm> Forms => BenchDevice.Name is null ? [WeightForm.F32, WeightForm.BF16, WeightForm.Int8, WeightForm.Int4] : [WeightForm.F32];

    protected IBackend Backend => _backend ??= BenchDevice.Open(ThreadCount, Operands);

    /// <summary>Of the products, at the current parameters.</summary>
    public virtual ComputePrecision Operands => ComputePrecision.F32;

    protected KernelSet Ops => Backend.Kernels;

    /// <summary>For work that is no op.</summary>
    protected ComputePool Pool => _pool ??= new ComputePool(ThreadCount);

    protected static int ThreadCount => Environment.GetEnvironmentVariable("DISTILL_BENCH_THREADS") is { Length: > 0 } text
        ? int.Parse(text, CultureInfo.InvariantCulture)
        : Environment.ProcessorCount;

    /// <summary>What one call of the named benchmark must do at the least, at the current parameters.</summary>
    public abstract Cost CostOf(string benchmark);

    /// <summary>Bytes that the op holds for a thread beside its operands, at the current parameters; 0 where that does not depend on them.</summary>
    public virtual long ScratchBytes => 0;

    /// <summary>The least time of one call of the named benchmark, at the current parameters.</summary>
    public virtual double LimitSeconds(string benchmark, Roof roof) =>
        roof.Seconds(CostOf(benchmark), PeakKinds.Of(Operands));

    /// <summary>A row of the table: an instance that holds the row's parameters but was not set up; null for what is no op.</summary>
    public static OpBenchmark? Of(BenchmarkCase row)
    {
        if (Activator.CreateInstance(row.Descriptor.Type) is not OpBenchmark op) return null;
        foreach (var parameter in row.Parameters.Items)
            row.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(op, parameter.Value);
        return op;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        Release();
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
        _buffers.Clear();
        _backend?.Dispose();
        _pool?.Dispose();
        (_backend, _pool) = (null, null);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what a benchmark made beside tensors.</summary>
    protected virtual void Release()
    {
    }

    /// <summary>Waits until the device has done what was queued.</summary>
    protected void Wait() => Backend.Synchronize();

    /// <summary>Uniform numbers in −½ … ½.</summary>
    protected Tensor Random(string name, Shape shape) => From<float>(name, shape, RandomNumbers(shape.Count), DType.F32);

    /// <inheritdoc cref="Random"/>
    protected float[] RandomNumbers(long count)
    {
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan()) value = _random.NextSingle() - 0.5f;
        return values;
    }

    protected Tensor From<T>(string name, Shape shape, ReadOnlySpan<T> values, DType type) where T : unmanaged
    {
        Tensor tensor = Allocate(name, shape, type);
        Backend.Upload(values, tensor);
        return tensor;
    }

    protected Tensor Zeros(string name, Shape shape, DType type = DType.F32)
    {
        Tensor tensor = Allocate(name, shape, type);
        // All types are whole float32 words, and zero in each is zero.
        Backend.Fill(tensor with { DType = DType.F32, Shape = new(checked((int)(shape.Count * type.SizeInBytes() / sizeof(float)))) }, 0);
        return tensor;
    }

    Tensor Allocate(string name, Shape shape, DType type)
    {
        DeviceBuffer buffer = Backend.Allocate(shape.Count * type.SizeInBytes(), name);
        _buffers.Add(buffer);
        return new Tensor(buffer, 0, shape, type, name);
    }
}
