using System.Numerics;
using System.Runtime.InteropServices;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace DistillEngine.Kernels;

/// <summary>The choice of a token: where the greatest of many numbers is.</summary>
static class Greatest
{
    // Numbers whose maximum is taken at a time: few enough to look through once more, many enough to pay for the look across the lanes.
    const int Block = 1024;

    /// <summary>The first index of the greatest number, a NaN counting as the greatest.</summary>
    /// <param name="values">At least one.</param>
    /// <remarks>Finds the block first: a pass that carries every lane's index along is several times slower.</remarks>
    public static int IndexOf(ReadOnlySpan<float> values)
    {
        float greatest = float.NegativeInfinity;
        int first = 0;
        for (int start = 0; start < values.Length; start += Block)
        {
            float here = Of(values.Slice(start, Math.Min(Block, values.Length - start)));
            if (float.IsNaN(here)) return TensorPrimitives.IndexOfMax(values);
            if (here > greatest) (greatest, first) = (here, start);
        }
        ReadOnlySpan<float> block = values[first..];
        int index = 0;
        while (block[index] != greatest) index++;
        return first + index;
    }

    /// <summary>The greatest number; NaN where one is.</summary>
    static float Of(ReadOnlySpan<float> values)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        Vector<float> even = new(float.NegativeInfinity), odd = even;
        Vector<int> isNumber = Vector<int>.AllBitsSet;
        int i = 0;
        for (; i + 2 <= vectors.Length; i += 2)
        {
            Vector<float> a = vectors[i], b = vectors[i + 1];
            (even, odd) = (Vector.MaxNative(even, a), Vector.MaxNative(odd, b));
            isNumber &= Vector.Equals(a, a) & Vector.Equals(b, b);
        }
        even = Vector.MaxNative(even, odd);
        float result = isNumber == Vector<int>.AllBitsSet ? float.NegativeInfinity : float.NaN;
        for (int lane = 0; lane < Vector<float>.Count; lane++) result = MathF.Max(result, even[lane]);
        for (i *= Vector<float>.Count; i < values.Length; i++) result = MathF.Max(result, values[i]);
        return result;
    }
}
