using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>Converts runs of little-endian elements between the types of files and the types of the engine.</summary>
static class ElementConversion
{
    /// <summary>Widens floating-point elements; F64 rounds to nearest.</summary>
    /// <returns>Index of the first finite element that float32 cannot hold, or −1.</returns>
    public static int ToSingle(DType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case DType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                return -1;
            case DType.BF16:
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination);
                return -1;
            case DType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(source), destination);
                return -1;
            case DType.F64:
                return NarrowDouble(MemoryMarshal.Cast<byte, double>(source), destination);
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating-point type.");
        }
    }

    /// <summary>Narrows float32 elements, rounding to nearest, ties to even.</summary>
    /// <returns>Index of the first finite element that the type cannot hold, or −1.</returns>
    public static int FromSingle(DType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        switch (type)
        {
            case DType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                return -1;
            case DType.BF16:
                return NarrowToBFloat16(source, MemoryMarshal.Cast<byte, ushort>(destination));
            case DType.F16:
                return NarrowToHalf(source, MemoryMarshal.Cast<byte, Half>(destination));
            case DType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(destination);
                for (int i = 0; i < source.Length; i++) doubles[i] = source[i];
                return -1;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating-point type.");
        }
    }

    /// <summary>Widens integer elements; Bool reads as 0 or its byte.</summary>
    public static void ToInt64(DType type, ReadOnlySpan<byte> source, Span<long> destination)
    {
        switch (type)
        {
            case DType.I64:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case DType.I32:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, int>(source), destination);
                break;
            case DType.I16:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, short>(source), destination);
                break;
            case DType.I8:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, sbyte>(source), destination);
                break;
            case DType.U8 or DType.Bool:
                TensorPrimitives.ConvertTruncating(source, destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not an integer type.");
        }
    }

    /// <summary>A bfloat16 is the upper half of a float32.</summary>
    static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        var bits = MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        for (; i + Vector256<ushort>.Count <= source.Length; i += Vector256<ushort>.Count)
        {
            var (lower, upper) = Vector256.Widen(Vector256.Create(source[i..]));
            (lower << 16).CopyTo(bits[i..]);
            (upper << 16).CopyTo(bits[(i + Vector256<uint>.Count)..]);
        }
        for (; i < source.Length; i++) bits[i] = (uint)source[i] << 16;
    }

    static int NarrowDouble(ReadOnlySpan<double> source, Span<float> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            float value = (float)source[i];
            if (float.IsInfinity(value) && double.IsFinite(source[i])) return i;
            destination[i] = value;
        }
        return -1;
    }

    static int NarrowToHalf(ReadOnlySpan<float> source, Span<Half> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            var value = (Half)source[i];
            if (Half.IsInfinity(value) && float.IsFinite(source[i])) return i;
            destination[i] = value;
        }
        return -1;
    }

    static int NarrowToBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        const uint ExponentMask = 0x7F80;
        for (int i = 0; i < source.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[i]);
            if (!float.IsFinite(source[i]))
            {
                // Rounding could carry a NaN's payload into an infinity; the quiet bit keeps it a NaN.
                destination[i] = (ushort)((bits >> 16) | (float.IsNaN(source[i]) ? 0x40u : 0u));
                continue;
            }
            // Half of the dropped range, plus the lowest kept bit so that ties go to even.
            uint rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
            if ((rounded & ExponentMask) == ExponentMask) return i;
            destination[i] = (ushort)rounded;
        }
        return -1;
    }
}
