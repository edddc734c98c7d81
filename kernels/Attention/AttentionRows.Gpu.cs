using System.Runtime.CompilerServices;
using DistillEngine.Core;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// How the attention kernels move rows of a head between memory, registers and shared memory, and multiply them. Threads that share a row hold
/// its fours in turns, so that together they read neighbours.
/// </summary>
/// <typeparam name="TShape">Rows are padded with zeros to its width.</typeparam>
static class AttentionRows<TShape> where TShape : struct, IAttentionShape
{
    /// <summary>Number of this thread's row within the group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Own() => Group.IdxX / TShape.RowThreads;

    /// <summary>Whether this thread stands for all that share its row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFirst() => Group.IdxX % TShape.RowThreads == 0;

    /// <summary>Copies this thread's share of a row to its registers, or zeros.</summary>
    /// <param name="start">First element in memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<float> source, long start, bool isThere, AttentionNumbers n, ArrayView<float> row)
    {
        for (int d = 0; d < TShape.Width / TShape.RowThreads; d++) row[d] = isThere && Column(d) < n.HeadWidth ? source[start + Column(d)] : 0;
    }

    /// <summary>Sets a thread's share of a row to zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clear(ArrayView<float> row)
    {
        for (int d = 0; d < TShape.Width / TShape.RowThreads; d++) row[d] = 0;
    }

    /// <summary>Multiplies a thread's share of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(ArrayView<float> row, float factor)
    {
        for (int d = 0; d < TShape.Width / TShape.RowThreads; d++) row[d] *= factor;
    }

    /// <summary>Copies a multiple of a thread's share of a row to memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ArrayView<float> row, float factor, AttentionNumbers n, ArrayView<float> destination, long start)
    {
        for (int d = 0; d < TShape.Width / TShape.RowThreads; d++)
            if (Column(d) < n.HeadWidth) destination[start + Column(d)] = row[d] * factor;
    }

    /// <summary>Copies a tile of the rows of two tensors to shared memory, zeros outside; waits before and after.</summary>
    /// <param name="start">First element of the tile's first row.</param>
    /// <param name="count">Rows from there on; may be more than a tile has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadTiles(
        ArrayView<float> a, ArrayView<float> b, long start, int count, AttentionNumbers n, ArrayView<float> tileA, ArrayView<float> tileB)
    {
        Group.Barrier();
        for (int e = Group.IdxX; e < TShape.TileRows * TShape.Width; e += TShape.Threads)
        {
            int row = e / TShape.Width, d = e % TShape.Width;
            bool isInside = row < count && d < n.HeadWidth;
            long at = start + (long)row * n.Width + d;
            tileA[e] = isInside ? a[at] : 0;
            tileB[e] = isInside ? b[at] : 0;
        }
        Group.Barrier();
    }

    /// <summary>Product of a row and row <paramref name="j"/> of a tile, in every thread that shares the row. All threads of the warp must
    /// call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(ArrayView<float> row, ArrayView<float> tile, int j)
    {
        ArrayView<Float4> fours = tile.Cast<Float4>();
        float sum = 0;
        for (int d = 0; d < TShape.Width / 4 / TShape.RowThreads; d++)
        {
            Float4 four = fours[j * (TShape.Width / 4) + d * TShape.RowThreads + Group.IdxX % TShape.RowThreads];
            sum = TShape.MultiplyAdd(row[d * 4], four.X, sum);
            sum = TShape.MultiplyAdd(row[d * 4 + 1], four.Y, sum);
            sum = TShape.MultiplyAdd(row[d * 4 + 2], four.Z, sum);
            sum = TShape.MultiplyAdd(row[d * 4 + 3], four.W, sum);
        }
        return TShape.SumOfRow(sum);
    }

    /// <summary>Adds a multiple of row <paramref name="j"/> of a tile to a thread's share of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(float factor, ArrayView<float> tile, int j, ArrayView<float> row)
    {
        ArrayView<Float4> fours = tile.Cast<Float4>();
        for (int d = 0; d < TShape.Width / 4 / TShape.RowThreads; d++)
        {
            Float4 four = fours[j * (TShape.Width / 4) + d * TShape.RowThreads + Group.IdxX % TShape.RowThreads];
            row[d * 4] = TShape.MultiplyAdd(factor, four.X, row[d * 4]);
            row[d * 4 + 1] = TShape.MultiplyAdd(factor, four.Y, row[d * 4 + 1]);
            row[d * 4 + 2] = TShape.MultiplyAdd(factor, four.Z, row[d * 4 + 2]);
            row[d * 4 + 3] = TShape.MultiplyAdd(factor, four.W, row[d * 4 + 3]);
        }
    }

    /// <summary>The head's column of element <paramref name="d"/> of a thread's share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Column(int d) => (d / 4 * TShape.RowThreads + Group.IdxX % TShape.RowThreads) * 4 + d % 4;
}

/// <summary>The query of one thread in a kernel with a thread a query.</summary>
struct ThreadQuery
{
    /// <summary>In its sequence; where it is not there, the thread only helps to load tiles.</summary>
    public int Index;

    /// <summary>Keys that it sees, from the first; none where it is not there.</summary>
    public int Visible;

    /// <summary>Keys that any query of the group sees.</summary>
    public int Reach;

    /// <summary><see cref="CounterRng.RowKey"/>.</summary>
    public uint RowKey;

    /// <param name="first">The group's first query.</param>
    /// <param name="own">Number of the thread's query within the group.</param>
    /// <param name="rows">Queries of the group.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThreadQuery Of(HeadSpan span, int first, int own, int rows, AttentionNumbers n)
    {
        int index = first + own, last = first + rows < span.QueryCount ? first + rows - 1 : span.QueryCount - 1;
        return new()
        {
            Index = index,
            Visible = index < span.QueryCount ? span.Visible(index, n) : 0,
            Reach = span.Visible(last, n),
            RowKey = CounterRng.RowKey(span.Sequence, span.QueryPosition + index),
        };
    }
}
