using DistillEngine.Core;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>Memory of an accelerator.</summary>
sealed class GpuBuffer(Driver driver, MemoryBuffer memory, long byteLength, string purpose) : DeviceBuffer(byteLength, purpose)
{
    bool _isDisposed;

    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public MemoryBuffer Memory
    {
        get
        {
            if (_isDisposed) Check.ThrowDisposed(Purpose);
            return memory;
        }
    }

    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        driver.Release(memory.Dispose);
    }
}
