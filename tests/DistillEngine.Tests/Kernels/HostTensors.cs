using DistillEngine.Core;

namespace DistillEngine.Tests.Kernels;

/// <summary>Host tensors for op tests, with a guard of NaN after each, and random data.</summary>
sealed class HostTensors(int seed) : IDisposable
{
    const int GuardElements = 32;

    readonly List<(HostBuffer Buffer, long Words)> _buffers = [];
    readonly Random _random = new(seed);

    /// <summary>The seed, for messages.</summary>
    public int Seed { get; } = seed;

    public Tensor Empty(string name, Shape shape, DType type = DType.F32) => Make(name, shape, type);

    public Tensor Filled(string name, Shape shape, float value)
    {
        Tensor tensor = Make(name, shape, DType.F32);
        tensor.HostSpan<float>().Fill(value);
        return tensor;
    }

    /// <summary>Normal numbers of the given deviation.</summary>
    public Tensor Random(string name, Shape shape, double deviation = 1)
    {
        Tensor tensor = Make(name, shape, DType.F32);
        foreach (ref float value in tensor.HostSpan<float>())
            value = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble()));
        return tensor;
    }

    public Tensor From(string name, Shape shape, ReadOnlySpan<float> values)
    {
        Tensor tensor = Make(name, shape, DType.F32);
        values.CopyTo(tensor.HostSpan<float>());
        return tensor;
    }

    public Tensor From(string name, Shape shape, ReadOnlySpan<int> values)
    {
        Tensor tensor = Make(name, shape, DType.I32);
        values.CopyTo(tensor.HostSpan<int>());
        return tensor;
    }

    public Tensor Copy(Tensor source) => From(source.Name, source.Shape, source.HostSpan<float>());

    /// <summary>Whether every guard still holds its NaN: no op wrote past the end of a tensor.</summary>
    public unsafe bool GuardsAreIntact()
    {
        foreach (var (buffer, words) in _buffers)
            foreach (uint word in new ReadOnlySpan<uint>((uint*)buffer.Pointer + words, GuardElements))
                if (word != uint.MaxValue) return false;
        return true;
    }

    public void Dispose()
    {
        foreach (var (buffer, _) in _buffers) buffer.Dispose();
    }

    unsafe Tensor Make(string name, Shape shape, DType type)
    {
        long words = (shape.Count * type.SizeInBytes() + sizeof(uint) - 1) / sizeof(uint);
        var buffer = new HostBuffer((words + GuardElements) * sizeof(uint), name);
        new Span<uint>(buffer.Pointer, checked((int)words + GuardElements)).Fill(uint.MaxValue);
        _buffers.Add((buffer, words));
        return new Tensor(buffer, 0, shape, type, name);
    }
}
