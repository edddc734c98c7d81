namespace DistillEngine.Core;

/// <summary>The memory of all activations of one model; built by <see cref="ArenaPlan.Build"/>.</summary>
public sealed class Arena : IDisposable
{
    readonly DeviceBuffer _buffer;
    readonly Tensor[] _views;

    internal Arena(DeviceBuffer buffer, Tensor[] views) => (_buffer, _views) = (buffer, views);

    public long ByteLength => _buffer.ByteLength;

    /// <summary>The slot at its greatest shape.</summary>
    public Tensor View(Slot slot) => _views[slot.Index];

    /// <summary>The first <paramref name="rows"/> rows of a slot.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More rows than planned.</exception>
    public Tensor View(Slot slot, int rows) => _views[slot.Index].First(rows);

    public void Dispose() => _buffer.Dispose();
}
