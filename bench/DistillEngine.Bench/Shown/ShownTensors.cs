using DistillEngine.Core;

namespace DistillEngine.Bench.Shown;

/// <summary>Tensors of a suite, freed together.</summary>
sealed class ShownTensors(IDevice device) : IDisposable
{
    readonly List<DeviceBuffer> _buffers = [];
    readonly Random _random = new(1);

    /// <summary>Uniform numbers in −½ … ½.</summary>
    public Tensor Random(string name, Shape shape)
    {
        Tensor tensor = New(name, shape, DType.F32);
        foreach (ref float value in tensor.HostSpan<float>()) value = _random.NextSingle() - 0.5f;
        return tensor;
    }

    public Tensor Zeros(string name, Shape shape, DType type = DType.F32)
    {
        Tensor tensor = New(name, shape, type);
        (tensor with { DType = DType.U8, Shape = new(checked((int)tensor.Buffer.ByteLength)) }).HostSpan<byte>().Clear();
        return tensor;
    }

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }

    Tensor New(string name, Shape shape, DType type)
    {
        DeviceBuffer buffer = device.Allocate(shape.Count * type.SizeInBytes(), name);
        _buffers.Add(buffer);
        return new Tensor(buffer, 0, shape, type, name);
    }
}
