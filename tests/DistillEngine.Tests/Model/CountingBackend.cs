using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Model;

/// <summary>A backend that remembers how much memory was asked of it, for what, and how often it was waited for.</summary>
sealed class CountingBackend(IBackend inner) : IBackend
{
    public Dictionary<string, long> Allocated { get; } = [];

    /// <summary>Calls of <see cref="Download{T}"/> and <see cref="Synchronize"/>.</summary>
    public int Waits { get; set; }

    public string Name => inner.Name;

    public KernelSet Kernels => Replaced ?? inner.Kernels;

    /// <summary>Ops in place of its own.</summary>
    public KernelSet? Replaced { get; init; }

    public DeviceBuffer Allocate(long byteLength, string purpose)
    {
        Allocated[purpose] = Allocated.GetValueOrDefault(purpose) + byteLength;
        return inner.Allocate(byteLength, purpose);
    }

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged => inner.Upload(host, destination);

    public void Download<T>(Tensor source, Span<T> host) where T : unmanaged
    {
        Waits++;
        inner.Download(source, host);
    }

    public void BeginDownload(Tensor source, Tensor host) => inner.BeginDownload(source, host);

    public void Fill(Tensor destination, float value) => inner.Fill(destination, value);

    public void Synchronize()
    {
        Waits++;
        inner.Synchronize();
    }

    public void Dispose() => inner.Dispose();
}
