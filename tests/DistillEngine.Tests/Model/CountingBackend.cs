using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Model;

/// <summary>A backend that remembers how much memory was asked of it, and for what.</summary>
sealed class CountingBackend(IBackend inner) : IBackend
{
    public Dictionary<string, long> Allocated { get; } = [];

    public string Name => inner.Name;

    public KernelSet Kernels => inner.Kernels;

    public DeviceBuffer Allocate(long byteLength, string purpose)
    {
        Allocated[purpose] = Allocated.GetValueOrDefault(purpose) + byteLength;
        return inner.Allocate(byteLength, purpose);
    }

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged => inner.Upload(host, destination);

    public void Download<T>(Tensor source, Span<T> host) where T : unmanaged => inner.Download(source, host);

    public void Fill(Tensor destination, float value) => inner.Fill(destination, value);

    public void Synchronize() => inner.Synchronize();

    public void Dispose() => inner.Dispose();
}
