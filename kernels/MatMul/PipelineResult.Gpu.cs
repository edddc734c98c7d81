using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Carries sums from registers to c, two neighbours at once: four lanes write 32 bytes of a row, which is what memory takes at once. Without
/// loops, as everywhere in <see cref="MatMulPipeline"/>.
/// </summary>
static class PipelineResult
{
    /// <summary>Where c consists of whole pairs at multiples of 8 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<TTile>(ArrayView<float> sums, ArrayView<float> c, MatMulCall call, int firstRow, int firstColumn)
        where TTile : struct, IPipelineTile
    {
        int warp = Group.IdxX / 32, lane = Group.IdxX % 32;
        int row = firstRow + warp / TTile.WarpsAcross * TTile.WarpRows + lane / 4;
        int column = firstColumn + warp % TTile.WarpsAcross * TTile.WarpColumns + lane % 4 * 2, left = call.Columns - column;
        if (left <= 0) return;
        ArrayView<Float2> pairs = c.Cast<Float2>();
        WriteLines<TTile>(sums, 0, pairs, row, column, left, call);
        if (TTile.WarpRows > 16) WriteLines<TTile>(sums, 1, pairs, row, column, left, call);
        if (TTile.WarpRows > 32)
        {
            WriteLines<TTile>(sums, 2, pairs, row, column, left, call);
            WriteLines<TTile>(sums, 3, pairs, row, column, left, call);
        }
    }

    /// <summary>The two rows that a lane has of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void WriteLines<TTile>(ArrayView<float> sums, int i, ArrayView<Float2> pairs, int row, int column, int left, MatMulCall call)
        where TTile : struct, IPipelineTile
    {
        int at = i * (TTile.WarpColumns / 2), upper = row + i * 16, lower = upper + 8;
        if (upper < call.Rows) WriteRow<TTile>(sums, at, pairs, ((long)upper * call.StrideC + column) / 2, left, call.Add);
        if (lower < call.Rows) WriteRow<TTile>(sums, at + 2, pairs, ((long)lower * call.StrideC + column) / 2, left, call.Add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void WriteRow<TTile>(ArrayView<float> sums, int at, ArrayView<Float2> pairs, long place, int left, int add) where TTile : struct, IPipelineTile
    {
        Float2 x0 = Pair(sums, at), x1 = Pair(sums, at + 4);
        Float2 x2 = TTile.WarpColumns > 16 ? Pair(sums, at + 8) : x0, x3 = TTile.WarpColumns > 16 ? Pair(sums, at + 12) : x0;
        Float2 x4 = TTile.WarpColumns > 32 ? Pair(sums, at + 16) : x0, x5 = TTile.WarpColumns > 32 ? Pair(sums, at + 20) : x0;
        Float2 x6 = TTile.WarpColumns > 32 ? Pair(sums, at + 24) : x0, x7 = TTile.WarpColumns > 32 ? Pair(sums, at + 28) : x0;
        if (add != 0)
        {
            // All are read before one is written: each read would wait for the one before. What lies beyond the last column takes its first's.
            Float2 y0 = pairs[place], y1 = pairs[place + (left > 8 ? 4 : 0)];
            Float2 y2 = pairs[place + (left > 16 ? 8 : 0)], y3 = pairs[place + (left > 24 ? 12 : 0)];
            Float2 y4 = pairs[place + (left > 32 ? 16 : 0)], y5 = pairs[place + (left > 40 ? 20 : 0)];
            Float2 y6 = pairs[place + (left > 48 ? 24 : 0)], y7 = pairs[place + (left > 56 ? 28 : 0)];
            (x0, x1, x2, x3) = (Sum(x0, y0), Sum(x1, y1), Sum(x2, y2), Sum(x3, y3));
            (x4, x5, x6, x7) = (Sum(x4, y4), Sum(x5, y5), Sum(x6, y6), Sum(x7, y7));
        }
        pairs[place] = x0;
        if (left > 8) pairs[place + 4] = x1;
        if (TTile.WarpColumns > 16)
        {
            if (left > 16) pairs[place + 8] = x2;
            if (left > 24) pairs[place + 12] = x3;
        }
        if (TTile.WarpColumns > 32)
        {
            if (left > 32) pairs[place + 16] = x4;
            if (left > 40) pairs[place + 20] = x5;
            if (left > 48) pairs[place + 24] = x6;
            if (left > 56) pairs[place + 28] = x7;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Float2 Pair(ArrayView<float> sums, int at)
    {
        Float2 pair;
        pair.X = sums[at];
        pair.Y = sums[at + 1];
        return pair;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Float2 Sum(Float2 a, Float2 b)
    {
        a.X += b.X;
        a.Y += b.Y;
        return a;
    }
}
