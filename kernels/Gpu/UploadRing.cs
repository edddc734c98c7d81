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

    readonly PinnedRing _ring = new(gpu, Capacity);

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(host);
        MemoryBuffer memory = ((GpuBuffer)destination.Buffer).Memory;
        long start = destination.ElementOffset * System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        while (!bytes.IsEmpty)
        {
            if (_ring.IsFull) Wait();
            Span<byte> piece = _ring.Take(bytes.Length, out _);
            bytes[..piece.Length].CopyTo(piece);
            gpu.Driver.Upload(piece, new(memory, start, piece.Length));
            bytes = bytes[piece.Length..];
            start += piece.Length;
        }
    }

    /// <summary>Waits for the stream, after which the whole ring is free.</summary>
    public void Wait()
    {
        gpu.Driver.Synchronize();
        _ring.Free();
    }

    public void Dispose() => _ring.Dispose();
}
