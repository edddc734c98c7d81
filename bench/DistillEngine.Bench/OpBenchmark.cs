using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Running;
using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>
/// Base of the op benchmarks. A new row is a method with [Benchmark] and its line in <see cref="CostOf(string)"/>; the columns GFLOP/s,
/// GB/s and share of the limit follow. DISTILL_ISA and DISTILL_BENCH_THREADS choose the width and the threads.
/// </summary>
public abstract class OpBenchmark : IDisposable
{
    readonly List<HostBuffer> _buffers = [];
    readonly Random _random = new(1);
    CpuBackend? _backend;
    ComputePool? _pool;

    protected CpuBackend Backend => _backend ??= CpuBackend.Open(ThreadCount, Operands);

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
        roof.Seconds(CostOf(benchmark), Operands == ComputePrecision.Bf16 ? DType.BF16 : DType.F32);

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
        _backend?.Dispose();
        _pool?.Dispose();
        (_backend, _pool) = (null, null);
        foreach (HostBuffer buffer in _buffers) buffer.Dispose();
        _buffers.Clear();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what a benchmark made beside tensors.</summary>
    protected virtual void Release()
    {
    }

    /// <summary>Uniform numbers in −½ … ½.</summary>
    protected Tensor Random(string name, Shape shape)
    {
        Tensor tensor = Zeros(name, shape);
        foreach (ref float value in tensor.HostSpan<float>()) value = _random.NextSingle() - 0.5f;
        return tensor;
    }

    protected Tensor Zeros(string name, Shape shape, DType type = DType.F32)
    {
        var buffer = new HostBuffer(shape.Count * type.SizeInBytes(), name);
        _buffers.Add(buffer);
        var tensor = new Tensor(buffer, 0, shape, type, name);
        (tensor with { DType = DType.U8, Shape = new(checked((int)buffer.ByteLength)) }).HostSpan<byte>().Clear();
        return tensor;
    }
}
