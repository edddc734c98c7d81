using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>Memory for what kernels leave one another; its contents last until the next call.</summary>
/// <param name="purpose">What errors call it.</param>
sealed class GpuScratch(Gpu gpu, string purpose) : IDisposable
{
    MemoryBuffer? _memory;

    /// <summary>A part; all of it is grown when it is too small.</summary>
    /// <param name="start">First element, counted in elements of <typeparamref name="T"/>.</param>
    /// <param name="totalBytes">Of all parts together.</param>
    /// <exception cref="InsufficientMemoryException">The device refuses.</exception>
    public ArrayView<T> View<T>(long start, long count, long totalBytes) where T : unmanaged
    {
        if (_memory is null || _memory.LengthInBytes < totalBytes)
        {
            // Queued kernels may still use the old memory.
            gpu.Driver.Synchronize();
            Dispose();
            _memory = null;
            _memory = gpu.AllocateRaw(totalBytes, purpose);
        }
        return new ArrayView<T>(_memory, start, count);
    }

    public void Dispose()
    {
        if (_memory is not null) gpu.Driver.Release(_memory.Dispose);
    }
}
