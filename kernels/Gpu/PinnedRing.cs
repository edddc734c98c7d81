using DistillEngine.Core;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>Pinned memory that queued copies pass through, handed out piece by piece and free again as a whole.</summary>
/// <param name="capacity">Bytes, a multiple of <see cref="HostBuffer.Alignment"/>.</param>
sealed class PinnedRing(Gpu gpu, int capacity) : IDisposable
{
    readonly PageLockedArray1D<byte> _memory = gpu.Driver.AllocatePinned(capacity);
    int _next;

    public bool IsFull => _next == capacity;

    /// <summary>The next piece, aligned; shorter than asked for where no more is left.</summary>
    /// <param name="at">Where it begins.</param>
    public Span<byte> Take(long length, out int at)
    {
        at = _next;
        int taken = (int)Math.Min(length, capacity - _next);
        _next = Math.Min(capacity, (_next + taken + HostBuffer.Alignment - 1) / HostBuffer.Alignment * HostBuffer.Alignment);
        return Piece(at, taken);
    }

    /// <summary>A piece that was taken.</summary>
    public Span<byte> Piece(int at, int length) => _memory.Span.Slice(at, length);

    /// <summary>Gives everything back; the stream was waited for.</summary>
    public void Free() => _next = 0;

    public void Dispose() => gpu.Driver.Release(_memory.Dispose);
}
