namespace DistillEngine.Core;

/// <summary>Where tensors live and ops run. Calls return before the work is done on devices that queue; only
/// <see cref="Synchronize"/> and <see cref="Download{T}"/> wait. Any call, and any op, throws <see cref="DeviceException"/> where the device
/// or its driver fails, be it at work that was queued before.</summary>
public interface IDevice : IDisposable
{
    /// <summary>Kind and instruction set or number: <c>cpu/avx512</c>, <c>cuda:0 H100</c>.</summary>
    string Name { get; }

    /// <summary>New memory, aligned to 64 bytes, contents undefined.</summary>
    /// <exception cref="InsufficientMemoryException">The device refuses; the message names purpose and size.</exception>
    DeviceBuffer Allocate(long byteLength, string purpose);

    /// <summary>Copies host elements to the first elements of <paramref name="destination"/>.</summary>
    /// <param name="host">No more elements than the tensor has, of the same size.</param>
    /// <exception cref="ArgumentException">Element sizes differ, or the tensor has fewer elements.</exception>
    void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged;

    /// <summary>Copies all elements of <paramref name="source"/> to the first of the host's; waits.</summary>
    /// <param name="host">No fewer elements than the tensor has, of the same size.</param>
    /// <exception cref="ArgumentException">Element sizes differ, or the host has room for fewer elements.</exception>
    void Download<T>(Tensor source, Span<T> host) where T : unmanaged;

    /// <summary>Queues a copy of a tensor to host memory, which holds it once <see cref="Synchronize"/> or <see cref="Download{T}"/> has
    /// returned; until then neither may be changed or disposed.</summary>
    /// <param name="host">In a <see cref="HostBuffer"/>; shape and type of <paramref name="source"/>.</param>
    void BeginDownload(Tensor source, Tensor host);

    /// <summary>Sets every element of a float32 tensor.</summary>
    /// <exception cref="ArgumentException">Elements are of another size.</exception>
    void Fill(Tensor destination, float value);

    /// <summary>Waits for all queued work.</summary>
    void Synchronize();
}
