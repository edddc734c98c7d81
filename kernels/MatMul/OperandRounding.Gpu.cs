using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>Copies of a product's factors as tensor cores multiply them.</summary>
static class OperandRounding
{
    /// <summary>
    /// Rounds a factor, by chunks of <see cref="MatMulPipeline.Chunk"/> elements of its contiguous axis; behind that axis' end stand zeros.
    /// Reads 4 bytes an element and writes 2: bound by memory.
    /// </summary>
    /// <param name="stride">Elements between neighbours along the other axis.</param>
    /// <param name="length">Elements of the contiguous axis, at least 1.</param>
    /// <param name="vectors">1 where the contiguous axis consists of whole fours at multiples of 16 bytes, else 0.</param>
    /// <param name="chunks">Of that axis.</param>
    /// <param name="to">All chunks, without gaps; overwritten.</param>
    public static void Round<TCore>(ArrayView<float> from, int stride, int length, int vectors, int chunks, ArrayView<Word4> to)
        where TCore : struct, ITensorCore
    {
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < to.Length; i += (long)Grid.DimX * Group.DimX)
        {
            // In 32 bits, whose division is several times faster; 2³¹ chunks are more than a device holds.
            int chunk = (int)i, outer = chunk / chunks, first = (chunk - outer * chunks) * MatMulPipeline.Chunk, left = length - first;
            long start = (long)outer * stride;
            float x0, x1, x2, x3, x4, x5, x6, x7;
            if (vectors != 0)
            {
                ArrayView<Float4> fours = from.Cast<Float4>();
                Float4 low = fours[(start + first) / 4], high = fours[(start + Math.Min(first + 4, length - 4)) / 4];
                (x0, x1, x2, x3) = (low.X, low.Y, low.Z, low.W);
                (x4, x5, x6, x7) = (high.X, high.Y, high.Z, high.W);
            }
            else
            {
                int last = length - 1;
                (x0, x1) = (from[start + first], from[start + Math.Min(first + 1, last)]);
                (x2, x3) = (from[start + Math.Min(first + 2, last)], from[start + Math.Min(first + 3, last)]);
                (x4, x5) = (from[start + Math.Min(first + 4, last)], from[start + Math.Min(first + 5, last)]);
                (x6, x7) = (from[start + Math.Min(first + 6, last)], from[start + Math.Min(first + 7, last)]);
            }
            Word4 words;
            words.X = TCore.Pack(x0, left > 1 ? x1 : 0);
            words.Y = TCore.Pack(left > 2 ? x2 : 0, left > 3 ? x3 : 0);
            words.Z = TCore.Pack(left > 4 ? x4 : 0, left > 5 ? x5 : 0);
            words.W = TCore.Pack(left > 6 ? x6 : 0, left > 7 ? x7 : 0);
            to[i] = words;
        }
    }
}
