using System.Runtime.CompilerServices;

namespace DistillEngine.Core;

/// <summary>A typed, shaped, row-major view of device memory. It owns nothing and is valid while its buffer is.</summary>
/// <param name="Buffer">The memory viewed.</param>
/// <param name="ElementOffset">First element, counted in elements of <paramref name="DType"/> from the buffer's start.</param>
/// <param name="Name">Checkpoint name of a parameter, or the name of an activation slot; shown in errors.</param>
public readonly record struct Tensor(DeviceBuffer Buffer, long ElementOffset, Shape Shape, DType DType, string Name)
{
    /// <summary>Whether this is <c>default</c>: an optional tensor that is absent.</summary>
    public bool IsAbsent => Buffer is null;

    /// <summary>Elements of the view.</summary>
    public long Count => Shape.Count;

    /// <summary>The slices <paramref name="start"/> … start + count − 1 along the first dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public Tensor Rows(int start, int count)
    {
        if ((uint)start > (uint)Shape.D0 || (uint)count > (uint)(Shape.D0 - start)) Check.ThrowRows(this, start, count);
        return this with { ElementOffset = ElementOffset + start * Shape.RowCount, Shape = Shape with { D0 = count } };
    }

    /// <summary>The first <paramref name="count"/> slices.</summary>
    public Tensor First(int count) => Rows(0, count);

    /// <summary>The same elements under another shape of equal count.</summary>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public Tensor Reshape(Shape shape)
    {
        if (shape.Count != Shape.Count) Check.ThrowShape(this, shape, "reshape");
        return this with { Shape = shape };
    }

    /// <summary>Address of the first element of a host tensor.</summary>
    /// <exception cref="InvalidOperationException">The tensor lies on another device.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe T* HostPointer<T>() where T : unmanaged
    {
        if (Buffer is not HostBuffer host) { Check.ThrowNotHost(this); return null; }
        return (T*)host.Pointer + ElementOffset;
    }

    /// <summary>The elements of a host tensor.</summary>
    /// <exception cref="InvalidOperationException">The tensor lies on another device.</exception>
    /// <exception cref="OverflowException">More than 2³¹−1 elements; use <see cref="HostPointer{T}"/>.</exception>
    public unsafe Span<T> HostSpan<T>() where T : unmanaged => new(HostPointer<T>(), checked((int)Count));

    /// <summary>Copies a host tensor's bytes to another.</summary>
    /// <exception cref="ArgumentException">Shape or type differ.</exception>
    /// <exception cref="InvalidOperationException">A tensor lies on another device.</exception>
    public unsafe void CopyTo(Tensor destination)
    {
        Check.Shape(destination, Shape, "copy", DType);
        long bytes = Count * DType.SizeInBytes();
        System.Buffer.MemoryCopy(HostBytes(), destination.HostBytes(), bytes, bytes);
    }

    /// <summary>Address of the first byte of a host tensor, whatever its type.</summary>
    /// <exception cref="InvalidOperationException">The tensor lies on another device.</exception>
    public unsafe byte* HostBytes() => (this with { ElementOffset = ElementOffset * DType.SizeInBytes() }).HostPointer<byte>();
}
