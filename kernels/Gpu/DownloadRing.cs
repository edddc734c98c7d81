using System.Runtime.InteropServices;
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

    readonly PageLockedArray1D<byte> _ring = gpu.Accelerator.AllocatePageLocked1D<byte>(Capacity);
    readonly List<(Tensor Host, long HostByte, int RingByte, int Length)> _queued = [];
    int _next;

    public unsafe void Queue(Tensor source, Tensor host)
    {
        MemoryBuffer memory = ((GpuBuffer)source.Buffer).Memory;
        int size = source.DType.SizeInBytes();
        long start = source.ElementOffset * size, bytes = source.Count * size;
        for (long done = 0; done < bytes;)
        {
            if (_next == Capacity)
            {
                gpu.Stream.Synchronize();
                Deliver();
            }
            int length = (int)Math.Min(bytes - done, Capacity - _next);
            new ILGPU.ArrayView<byte>(memory, start + done, length).CopyToCPUUnsafeAsync(gpu.Stream, ref MemoryMarshal.GetReference(_ring.Span[_next..]), length);
            _queued.Add((host, done, _next, length));
            done += length;
            _next = Math.Min(Capacity, (_next + length + HostBuffer.Alignment - 1) / HostBuffer.Alignment * HostBuffer.Alignment);
        }
    }

    /// <summary>Hands over everything that was queued; the stream was waited for.</summary>
    public unsafe void Deliver()
    {
        foreach (var (host, hostByte, ringByte, length) in _queued)
            _ring.Span.Slice(ringByte, length).CopyTo(new Span<byte>(host.HostBytes() + hostByte, length));
        _queued.Clear();
        _next = 0;
    }

    public void Dispose() => _ring.Dispose();
}
