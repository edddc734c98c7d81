using System.Runtime.InteropServices;

namespace DistillEngine.Core;

/// <summary>Memory of one device. Whoever allocates it disposes it; tensors are views that own nothing.</summary>
public abstract class DeviceBuffer(long byteLength, string purpose) : IDisposable
{
    /// <summary>Length in bytes.</summary>
    public long ByteLength { get; } = byteLength;

    /// <summary>What the memory is for, as shown in plans and out-of-memory errors.</summary>
    public string Purpose { get; } = purpose;

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>Host memory outside the managed heap, aligned to 64 bytes so that 512-bit loads never split a cache line.</summary>
public sealed unsafe class HostBuffer : DeviceBuffer
{
    public const int Alignment = 64;
    void* _pointer;

    /// <param name="byteLength">Bytes, at least 0.</param>
    /// <exception cref="InsufficientMemoryException">The system refuses the memory; the message names purpose and size.</exception>
    public HostBuffer(long byteLength, string purpose) : base(byteLength, purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        // The length is rounded up to whole vectors, so that kernels may read (never use) up to the end of the last one.
        nuint rounded = (nuint)((byteLength + Alignment - 1) / Alignment * Alignment);
        try
        {
            _pointer = NativeMemory.AlignedAlloc(Math.Max(rounded, Alignment), (nuint)HugePages.AlignmentFor(byteLength));
        }
        catch (OutOfMemoryException e)
        {
            throw new InsufficientMemoryException($"{purpose}: {byteLength:N0} bytes of memory could not be allocated.", e);
        }
        HugePages.Request(_pointer, byteLength);
        Undefine(rounded);
    }

    ~HostBuffer() => Dispose(false);

    /// <summary>Address of the first byte.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public void* Pointer
    {
        get
        {
            if (_pointer == null) Check.ThrowDisposed(Purpose);
            return _pointer;
        }
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }

    /// <summary>Debug builds fill new memory with NaN, so that an element read before it is written shows.</summary>
    [System.Diagnostics.Conditional("DEBUG")]
    void Undefine(nuint bytes) => NativeMemory.Fill(_pointer, bytes, 0xFF);
}
