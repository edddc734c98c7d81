using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>A run of elements in a PyTorch file that tensors view.</summary>
sealed class PickledStorage(string key, DType type, long count)
{
    public string Key { get; } = key;

    public DType DType { get; } = type;

    /// <summary>Elements.</summary>
    public long Count { get; } = count;

    /// <summary>File offset of the first element; −1 until it is known.</summary>
    public long DataOffset { get; set; } = -1;
}

/// <summary>A part of a storage, as old PyTorch versions describe one that is itself a view.</summary>
sealed record StorageView(PickledStorage Storage, long Offset, long Count);

/// <summary>A tensor that views a storage. Its geometry was checked against the storage.</summary>
/// <param name="Offset">First element, counted from the storage's start.</param>
/// <param name="Strides">Elements between neighbours along each axis, at least 0; 0 along axes of one element.</param>
sealed record PickledTensor(PickledStorage Storage, long Offset, long[] Shape, long[] Strides)
{
    /// <summary>Whether the elements lie row-major without gaps.</summary>
    public bool IsContiguous { get; } = Contiguous(Shape, Strides);

    /// <summary>Copies elements from the row-major index <paramref name="start"/> on.</summary>
    public unsafe void Copy(MappedFile file, long start, Span<byte> destination)
    {
        int size = Storage.DType.SizeInBytes();
        if (IsContiguous)
        {
            file.Span(Storage.DataOffset + (Offset + start) * size, destination.Length).CopyTo(destination);
            return;
        }
        byte* origin = file.Pointer(Storage.DataOffset + Offset * size);
        switch (size)
        {
            case 1: Gather(origin, start, destination); break;
            case 2: Gather(origin, start, MemoryMarshal.Cast<byte, ushort>(destination)); break;
            case 4: Gather(origin, start, MemoryMarshal.Cast<byte, uint>(destination)); break;
            default: Gather(origin, start, MemoryMarshal.Cast<byte, ulong>(destination)); break;
        }
    }

    unsafe void Gather<T>(byte* origin, long start, Span<T> destination) where T : unmanaged
    {
        int last = Shape.Length - 1;
        Span<long> index = stackalloc long[Shape.Length];
        long rest = start, position = 0;
        for (int d = last; d >= 0; d--)
        {
            index[d] = rest % Shape[d];
            rest /= Shape[d];
            position += index[d] * Strides[d];
        }
        for (int done = 0; done < destination.Length;)
        {
            int run = (int)Math.Min(destination.Length - done, Shape[last] - index[last]);
            // Storages of the legacy layout may start at any byte.
            for (int i = 0; i < run; i++)
                destination[done + i] = Unsafe.ReadUnaligned<T>(origin + (position + i * Strides[last]) * sizeof(T));
            done += run;
            index[last] += run;
            position += run * Strides[last];
            for (int d = last; d > 0 && index[d] == Shape[d]; d--)
            {
                position += Strides[d - 1] - index[d] * Strides[d];
                index[d] = 0;
                index[d - 1]++;
            }
        }
    }

    static bool Contiguous(long[] shape, long[] strides)
    {
        long expected = 1;
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            if (shape[d] == 0) return true;
            if (shape[d] != 1 && strides[d] != expected) return false;
            expected *= shape[d];
        }
        return true;
    }
}
