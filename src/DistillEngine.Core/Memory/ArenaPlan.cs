namespace DistillEngine.Core;

/// <summary>Names, greatest shapes and lifetimes of all activations, settled before any memory is taken.</summary>
/// <param name="training">Whether <see cref="Lifetime.Saved"/> buffers must survive until backward.</param>
public sealed class ArenaPlan(bool training)
{
    // A cache line and one 512-bit vector: no two slots share either.
    const long Alignment = HostBuffer.Alignment;

    readonly List<Entry> _entries = [];
    long _kept;
    long _scratch;
    long _scratchInScope;

    /// <summary>Starts a sub-layer: scratch planned from here overlaps the scratch of earlier scopes.</summary>
    public void BeginScope() => _scratchInScope = 0;

    public Slot Scratch(string name, Shape max, DType type = DType.F32) => Add(name, max, type, Lifetime.Scratch);

    public Slot Saved(string name, Shape max, DType type = DType.F32) => Add(name, max, type, training ? Lifetime.Saved : Lifetime.Scratch);

    public Slot Persistent(string name, Shape max, DType type = DType.F32) => Add(name, max, type, Lifetime.Persistent);

    /// <summary>Bytes the arena will take.</summary>
    public long ByteLength => _kept + _scratch;

    /// <summary>Takes the memory, in one piece.</summary>
    public Arena Build(IDevice device)
    {
        DeviceBuffer buffer = device.Allocate(ByteLength, "activations");
        var views = new Tensor[_entries.Count];
        for (int i = 0; i < views.Length; i++)
        {
            Entry e = _entries[i];
            long offset = e.Lifetime == Lifetime.Scratch ? _kept + e.Offset : e.Offset;
            views[i] = new Tensor(buffer, offset / e.Type.SizeInBytes(), e.Max, e.Type, e.Name);
        }
        return new Arena(buffer, views);
    }

    Slot Add(string name, Shape max, DType type, Lifetime lifetime)
    {
        long bytes = (max.Count * type.SizeInBytes() + Alignment - 1) / Alignment * Alignment;
        ref long cursor = ref lifetime == Lifetime.Scratch ? ref _scratchInScope : ref _kept;
        _entries.Add(new Entry(name, max, type, lifetime, cursor, bytes));
        cursor += bytes;
        _scratch = Math.Max(_scratch, _scratchInScope);
        return new Slot(_entries.Count - 1);
    }

    sealed record Entry(string Name, Shape Max, DType Type, Lifetime Lifetime, long Offset, long Bytes);
}
