using DistillEngine.Core;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// Carries small results to the host through pinned memory, so that their copies queue behind the kernels and one wait serves them all. Waits
/// earlier only where more is queued than the ring holds.
/// </summary>
sealed class DownloadRing(Gpu gpu) : IDisposable
{
    // Losses of a step take well below this.
    const int Capacity = 1 << 20;

    readonly PinnedRing _ring = new(gpu, Capacity);
    readonly List<(Tensor Host, long HostByte, int RingByte, int Length)> _queued = [];

    public void Queue(Tensor source, Tensor host)
    {
        MemoryBuffer memory = ((GpuBuffer)source.Buffer).Memory;
        int size = source.DType.SizeInBytes();
        long start = source.ElementOffset * size, bytes = source.Count * size;
        for (long done = 0; done < bytes;)
        {
            if (_ring.IsFull)
            {
                gpu.Driver.Synchronize();
                Deliver();
            }
            Span<byte> piece = _ring.Take(bytes - done, out int at);
            gpu.Driver.Download(new(memory, start + done, piece.Length), piece);
            _queued.Add((host, done, at, piece.Length));
            done += piece.Length;
        }
    }

    /// <summary>Hands over everything that was queued; the stream was waited for.</summary>
    public unsafe void Deliver()
    {
        foreach (var (host, hostByte, ringByte, length) in _queued)
            _ring.Piece(ringByte, length).CopyTo(new Span<byte>(host.HostBytes() + hostByte, length));
        _queued.Clear();
        _ring.Free();
    }

    public void Dispose() => _ring.Dispose();
}
