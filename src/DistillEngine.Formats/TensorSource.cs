using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>
/// Named tensors in one or more files. Opening reads only the description; elements are read, and converted, when asked for.
/// Reads may run on several threads at once; disposing must wait for them.
/// </summary>
/// <remarks>Every file format here stores little-endian elements, and this code reads them on little-endian machines only.</remarks>
public abstract class TensorSource : IDisposable
{
    // One block of raw elements on the stack: small enough for the first-level cache, large enough to hide the call per block.
    const int BlockBytes = 8192;

    /// <exception cref="PlatformNotSupportedException">The machine is big-endian.</exception>
    protected TensorSource()
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("Tensor files are read on little-endian machines only.");
    }

    /// <summary>The file or folder that was opened; every error starts with it or with the file inside it.</summary>
    public abstract string Path { get; }

    /// <summary>Names of all tensors, in file order.</summary>
    public abstract IReadOnlyCollection<string> Names { get; }

    /// <summary>Describes a tensor if the source has it.</summary>
    public abstract bool TryGetInfo(string name, [NotNullWhen(true)] out TensorInfo? info);

    public bool Contains(string name) => TryGetInfo(name, out _);

    /// <exception cref="InvalidDataException">There is no such tensor.</exception>
    public TensorInfo Info(string name)
    {
        if (!TryGetInfo(name, out var info))
            Malformed.ThrowTensor(Path, name, $"is missing among the {Names.Count} tensors",
                "Check that the files belong to the configuration beside them.");
        return info;
    }

    /// <summary>Copies a whole floating-point tensor, row-major, as float32.</summary>
    /// <exception cref="ArgumentException">The destination's length is not the tensor's count.</exception>
    /// <exception cref="InvalidDataException">There is no such tensor, or it does not hold floating-point elements that float32 can represent.</exception>
    public void Read(string name, Span<float> destination)
    {
        CheckWhole(name, destination.Length);
        Read(name, 0, destination);
    }

    /// <summary>Copies the elements start … start + destination.Length − 1, counted row-major, as float32.</summary>
    /// <inheritdoc cref="Read(string, Span{float})"/>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    public void Read(string name, long start, Span<float> destination)
    {
        var info = Info(name);
        CheckRange(info, start, destination.Length);
        if (!info.IsFloatingPoint)
            Malformed.ThrowTensor(Path, name, $"has element type {info.DType}, expected a floating-point type",
                "Check that the file is a model's weights.");
        if (info.DType == DType.F32)
        {
            ReadF32(name, start, destination);
            return;
        }
        Span<byte> block = stackalloc byte[BlockBytes];
        int size = info.DType.SizeInBytes();
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(BlockBytes / size, destination.Length - done);
            ReadElements(name, start + done, block[..(count * size)]);
            int bad = ElementConversion.ToSingle(info.DType, block[..(count * size)], destination.Slice(done, count));
            if (bad >= 0)
                Malformed.ThrowTensor(Path, name, $"holds at element {start + done + bad} a value beyond float32",
                    "Convert the model to float32 and look for the overflow there.");
            done += count;
        }
    }

    /// <summary>Copies <paramref name="count"/> elements as float32 to memory of any size.</summary>
    /// <inheritdoc cref="Read(string, long, Span{float})"/>
    public unsafe void Read(string name, long start, long count, float* destination)
    {
        CheckRange(Info(name), start, count);
        const int Chunk = 1 << 28;   // elements; a span holds fewer than 2^31
        for (long done = 0; done < count; done += Chunk)
            Read(name, start + done, new Span<float>(destination + done, (int)Math.Min(Chunk, count - done)));
    }

    /// <summary>Copies a whole tensor of integers or booleans, row-major.</summary>
    /// <inheritdoc cref="Read(string, Span{float})"/>
    /// <exception cref="InvalidDataException">There is no such tensor, or it does not hold integers.</exception>
    public void Read(string name, Span<long> destination)
    {
        var info = CheckWhole(name, destination.Length);
        RequireIntegers(info);
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(BlockBytes / sizeof(long), destination.Length - done);
            ReadIntegers(info, done, destination.Slice(done, count));
            done += count;
        }
    }

    /// <inheritdoc cref="Read(string, Span{long})"/>
    /// <exception cref="InvalidDataException">There is no such tensor, or it does not hold integers of 32 bits.</exception>
    public void Read(string name, Span<int> destination)
    {
        var info = CheckWhole(name, destination.Length);
        RequireIntegers(info);
        Span<long> block = stackalloc long[BlockBytes / sizeof(long)];
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(block.Length, destination.Length - done);
            ReadIntegers(info, done, block[..count]);
            for (int i = 0; i < count; i++)
            {
                if ((int)block[i] != block[i])
                    Malformed.ThrowTensor(Path, name, $"holds {block[i]} at element {done + i}, expected 32 bits",
                        "Check that the file holds token ids.");
                destination[done + i] = (int)block[i];
            }
            done += count;
        }
    }

    /// <summary>Copies elements as the file holds them: little-endian, row-major, of type <see cref="TensorInfo.DType"/>.</summary>
    /// <param name="start">First element.</param>
    /// <param name="destination">A whole number of elements.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the tensor.</exception>
    /// <exception cref="InvalidDataException">There is no such tensor.</exception>
    public void ReadBytes(string name, long start, Span<byte> destination)
    {
        var info = Info(name);
        int size = info.DType.SizeInBytes();
        if (destination.Length % size != 0)
            throw new ArgumentException($"{destination.Length} bytes are no whole number of {info.DType} elements.", nameof(destination));
        CheckRange(info, start, destination.Length / size);
        ReadElements(name, start, destination);
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Copies raw elements of a tensor that exists, from a range that was checked.</summary>
    protected internal abstract void ReadElements(string name, long start, Span<byte> destination);

    protected abstract void Dispose(bool disposing);

    void ReadF32(string name, long start, Span<float> destination)
    {
        const int Chunk = 1 << 28;   // elements whose bytes a span can count
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(Chunk, destination.Length - done);
            ReadElements(name, start + done, MemoryMarshal.AsBytes(destination.Slice(done, count)));
            done += count;
        }
    }

    void ReadIntegers(TensorInfo info, long start, Span<long> destination)
    {
        Span<byte> block = stackalloc byte[BlockBytes];
        block = block[..(destination.Length * info.DType.SizeInBytes())];
        ReadElements(info.Name, start, block);
        ElementConversion.ToInt64(info.DType, block, destination);
    }

    void RequireIntegers(TensorInfo info)
    {
        if (info.IsFloatingPoint)
            Malformed.ThrowTensor(Path, info.Name, $"has element type {info.DType}, expected integers",
                "Check that the file holds token ids.");
    }

    TensorInfo CheckWhole(string name, int length)
    {
        var info = Info(name);
        if (length != info.Count)
            throw new ArgumentException($"{Path}: tensor '{name}' has {info.Count} elements {TensorInfo.Describe(info.Shape)}; the destination has {length}.");
        return info;
    }

    static void CheckRange(TensorInfo info, long start, long count)
    {
        if (start < 0 || count < 0 || start > info.Count - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"Tensor '{info.Name}' has {info.Count} elements; {count} from {start} were asked for.");
    }
}
