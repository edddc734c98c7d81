using DistillEngine.Core;

namespace DistillEngine.Bench.Shown;

/// <summary>Tensors of a suite on any device, freed together.</summary>
sealed class ShownTensors(IDevice device) : IDisposable
{
    // Numbers pass through a small array, so that the memory of a large tensor is met once.
    const int PieceLength = 1 << 14;

    readonly List<DeviceBuffer> _buffers = [];
    readonly Random _random = new(1);

    /// <summary>Uniform numbers in −½ … ½.</summary>
    public Tensor Random(string name, Shape shape) => Fill<float>(New(name, shape, DType.F32), x => x);

    /// <summary>The same cut to bf16.</summary>
    public Tensor RandomBf16(string name, Shape shape) => Fill(New(name, shape, DType.BF16), x => (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16));

    public Tensor Zeros(string name, Shape shape, DType type = DType.F32)
    {
        Tensor tensor = New(name, shape, type);
        // All types are whole float32 words, and zero in each is zero.
        device.Fill(tensor with { DType = DType.F32, Shape = new(checked((int)(tensor.Buffer.ByteLength / sizeof(float)))) }, 0);
        return tensor;
    }

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }

    Tensor Fill<T>(Tensor tensor, Func<float, T> convert) where T : unmanaged
    {
        var piece = new T[Math.Min(PieceLength, tensor.Count)];
        for (long start = 0; start < tensor.Count; start += piece.Length)
        {
            int length = (int)Math.Min(piece.Length, tensor.Count - start);
            for (int i = 0; i < length; i++) piece[i] = convert(_random.NextSingle() - 0.5f);
            device.Upload<T>(piece.AsSpan(0, length), tensor with { ElementOffset = start, Shape = new(length) });
        }
        return tensor;
    }

    Tensor New(string name, Shape shape, DType type)
    {
        DeviceBuffer buffer = device.Allocate(shape.Count * type.SizeInBytes(), name);
        _buffers.Add(buffer);
        return new Tensor(buffer, 0, shape, type, name);
    }
}
