using System.Runtime.InteropServices;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>A tensor that a writer will ask for block by block, so that a model is never in memory twice.</summary>
public abstract class TensorToSave(TensorInfo info)
{
    /// <summary>Name, shape and the element type in the file.</summary>
    public TensorInfo Info { get; } = info;

    /// <summary>A tensor whose float32 elements come from a callback.</summary>
    /// <param name="shape">Extents, slowest-varying first; empty for a scalar.</param>
    /// <param name="read">Called in ascending order of elements.</param>
    /// <param name="storedAs">F32, F64, F16 or BF16; rounded to nearest, ties to even.</param>
    public static TensorToSave FromFloats(string name, long[] shape, ElementReader read, DType storedAs = DType.F32)
    {
        var info = new TensorInfo(name, storedAs, shape);
        if (!info.IsFloatingPoint)
            throw new ArgumentException($"Tensor '{name}': {storedAs} is not a floating-point type.", nameof(storedAs));
        return new Floats(info, read);
    }

    /// <summary>A tensor of float32 values in managed memory.</summary>
    /// <inheritdoc cref="FromFloats(string, long[], ElementReader, DType)"/>
    /// <exception cref="ArgumentException">The number of values is not the shape's count.</exception>
    public static TensorToSave FromFloats(string name, long[] shape, ReadOnlyMemory<float> values, DType storedAs = DType.F32) =>
        CheckCount(FromFloats(name, shape, (start, destination) => values.Span.Slice((int)start, destination.Length).CopyTo(destination), storedAs),
            values.Length);

    /// <summary>A float32 tensor in host memory; the memory is read when the file is written.</summary>
    /// <inheritdoc cref="FromFloats(string, long[], ReadOnlyMemory{float}, DType)"/>
    public static unsafe TensorToSave FromTensor(string name, long[] shape, Tensor values, DType storedAs = DType.F32)
    {
        if (values.DType != DType.F32) Check.ThrowType(values, DType.F32, "save");
        return CheckCount(FromFloats(name, shape,
            (start, destination) =>
                new ReadOnlySpan<float>(values.HostPointer<float>() + start, destination.Length).CopyTo(destination), storedAs), values.Count);
    }

    /// <summary>A tensor of 64-bit integers.</summary>
    /// <exception cref="ArgumentException">The number of values is not the shape's count.</exception>
    public static TensorToSave FromIntegers(string name, long[] shape, ReadOnlyMemory<long> values) =>
        CheckCount(new Integers<long>(new(name, DType.I64, shape), values), values.Length);

    /// <summary>A tensor of 32-bit integers.</summary>
    /// <exception cref="ArgumentException">The number of values is not the shape's count.</exception>
    public static TensorToSave FromIntegers(string name, long[] shape, ReadOnlyMemory<int> values) =>
        CheckCount(new Integers<int>(new(name, DType.I32, shape), values), values.Length);

    /// <summary>A tensor of another file, copied bit for bit.</summary>
    public static TensorToSave FromSource(TensorSource source, string name) => new Copied(source.Info(name), source);

    /// <summary>Copies raw little-endian elements, from the element <paramref name="start"/> on.</summary>
    internal abstract void CopyTo(long start, Span<byte> destination);

    static TensorToSave CheckCount(TensorToSave tensor, long count)
    {
        if (tensor.Info.Count == count) return tensor;
        throw new ArgumentException($"Tensor '{tensor.Info.Name}' has shape {TensorInfo.Describe(tensor.Info.Shape)}, but {count} values were given.");
    }

    sealed class Floats(TensorInfo info, ElementReader read) : TensorToSave(info)
    {
        const int BlockElements = 2048;

        internal override void CopyTo(long start, Span<byte> destination)
        {
            if (Info.DType == DType.F32)
            {
                read(start, MemoryMarshal.Cast<byte, float>(destination));
                return;
            }
            Span<float> block = stackalloc float[BlockElements];
            int size = Info.DType.SizeInBytes();
            int total = destination.Length / size;
            for (int done = 0; done < total;)
            {
                int count = Math.Min(BlockElements, total - done);
                read(start + done, block[..count]);
                int bad = ElementConversion.FromSingle(Info.DType, block[..count], destination.Slice(done * size, count * size));
                if (bad >= 0)
                    throw new InvalidOperationException(
                        $"Tensor '{Info.Name}' holds {block[bad]} at element {start + done + bad}, beyond the range of {Info.DType}. Save it as F32 or BF16.");
                done += count;
            }
        }
    }

    sealed class Integers<T>(TensorInfo info, ReadOnlyMemory<T> values) : TensorToSave(info) where T : unmanaged
    {
        internal override void CopyTo(long start, Span<byte> destination) =>
            MemoryMarshal.AsBytes(values.Span).Slice((int)start * Info.DType.SizeInBytes(), destination.Length).CopyTo(destination);
    }

    sealed class Copied(TensorInfo info, TensorSource source) : TensorToSave(info)
    {
        internal override void CopyTo(long start, Span<byte> destination) => source.ReadBytes(Info.Name, start, destination);
    }
}
