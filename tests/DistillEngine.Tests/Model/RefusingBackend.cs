using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Model;

/// <summary>A backend that gives memory so many times, then refuses, and knows what of it is still held.</summary>
sealed unsafe class RefusingBackend(IBackend inner) : IBackend
{
    readonly List<HostBuffer> _given = [];

    /// <summary>Times that memory is still given.</summary>
    public int Gifts { get; set; } = int.MaxValue;

    /// <summary>Purposes of what was given and not disposed.</summary>
    public IEnumerable<string> Held => _given.Where(IsHeld).Select(buffer => buffer.Purpose);

    public string Name => inner.Name;

    public KernelSet Kernels => inner.Kernels;

    public DeviceBuffer Allocate(long byteLength, string purpose)
    {
        if (Gifts-- <= 0) throw new InsufficientMemoryException($"{purpose}: refused.");
        var buffer = (HostBuffer)inner.Allocate(byteLength, purpose);
        _given.Add(buffer);
        return buffer;
    }

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged => inner.Upload(host, destination);

    public void Download<T>(Tensor source, Span<T> host) where T : unmanaged => inner.Download(source, host);

    public void BeginDownload(Tensor source, Tensor host) => inner.BeginDownload(source, host);

    public void Fill(Tensor destination, float value) => inner.Fill(destination, value);

    public void Synchronize() => inner.Synchronize();

    public void Dispose() => inner.Dispose();

    static bool IsHeld(HostBuffer buffer)
    {
        try
        {
            return buffer.Pointer != null;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }
}
