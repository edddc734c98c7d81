using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>What a file says about one tensor.</summary>
public sealed class TensorInfo
{
    /// <param name="name">Name in the file, for models the Hugging Face parameter name.</param>
    /// <param name="shape">Extents, slowest-varying first, each at least 0; empty for a scalar.</param>
    /// <exception cref="ArgumentException">An extent is negative, or the size in bytes exceeds 63 bits.</exception>
    public TensorInfo(string name, DType type, long[] shape)
    {
        if (!TryCount(shape, type.SizeInBytes(), out long count))
            throw new ArgumentException($"Tensor '{name}' has the impossible shape {Describe(shape)}.", nameof(shape));
        (Name, DType, Shape, Count) = (name, type, shape, count);
    }

    public string Name { get; }

    /// <summary>Element type in the file.</summary>
    public DType DType { get; }

    /// <summary>Extents, slowest-varying first; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>Number of elements, 1 for a scalar.</summary>
    public long Count { get; }

    /// <summary>Bytes of the elements stored row-major without gaps.</summary>
    public long ByteLength => Count * DType.SizeInBytes();

    /// <summary>Whether the elements are of a floating-point type.</summary>
    public bool IsFloatingPoint => DType is DType.F32 or DType.F64 or DType.F16 or DType.BF16;

    public override string ToString() => $"{Name} {DType} {Describe(Shape)}";

    /// <summary>A shape as error messages show it, for example <c>[512, 64]</c>.</summary>
    public static string Describe(ReadOnlySpan<long> shape)
    {
        var text = new System.Text.StringBuilder("[");
        for (int i = 0; i < shape.Length; i++) text.Append(i == 0 ? "" : ", ").Append(shape[i]);
        return text.Append(']').ToString();
    }

    /// <summary>Number of elements of a shape; false when an extent is negative or the size in bytes exceeds 63 bits.</summary>
    internal static bool TryCount(ReadOnlySpan<long> shape, int elementBytes, out long count)
    {
        count = 1;
        bool empty = false;
        foreach (long extent in shape)
        {
            if (extent < 0) return false;
            if (extent == 0) { empty = true; continue; }
            if (count > long.MaxValue / elementBytes / extent) return false;
            count *= extent;
        }
        if (empty) count = 0;
        return true;
    }
}
