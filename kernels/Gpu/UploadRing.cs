using System.Runtime.InteropServices;
using DistillEngine.Core;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// Carries uploads through pinned memory, so that they queue behind the kernels without waiting and the caller may reuse its arrays at once.
/// Waits only where more is queued than the ring holds.
/// </summary>
sealed class UploadRing(Gpu gpu) : IDisposable
{
    // A step's ids, keys and weights take well below this; parameters pass through in pieces.
    const int Capacity = 4 << 20;

    readonly PageLockedArray1D<byte> _ring = gpu.Accelerator.AllocatePageLocked1D<byte>(Capacity);
    int _next;

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(host);
        MemoryBuffer memory = ((GpuBuffer)destination.Buffer).Memory;
        long start = destination.ElementOffset * System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        while (!bytes.IsEmpty)
        {
            if (_next == Capacity) Wait();
            int length = Math.Min(bytes.Length, Capacity - _next);
            Span<byte> piece = _ring.Span.Slice(_next, length);
            bytes[..length].CopyTo(piece);
            new ILGPU.ArrayView<byte>(memory, start, length).CopyFromCPUUnsafeAsync(gpu.Stream, ref MemoryMarshal.GetReference(piece), length);
            bytes = bytes[length..];
            start += length;
            _next = Math.Min(Capacity, (_next + length + HostBuffer.Alignment - 1) / HostBuffer.Alignment * HostBuffer.Alignment);
        }
    }

    /// <summary>Waits for the stream, after which the whole ring is free.</summary>
    public void Wait()
    {
        gpu.Stream.Synchronize();
        _next = 0;
    }

    public void Dispose() => _ring.Dispose();
}
