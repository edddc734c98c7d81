using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

/// <summary>
/// The small products of attention, whose factors stay in the caches as panels: [rows, <see cref="Columns"/>], two vectors wide. A panel is a
/// right factor as it is, and a left one along either axis, so what one product writes the next one reads where it lies.
/// Bound: compute. A step of the contracted axis loads two vectors and broadcasts four numbers for eight multiply-adds, as many sums as two
/// units of multiply-adds need. Emitted tiles of more rows gain nothing at 512 bits on panels this small, and a few hundredths at 256.
/// </summary>
static unsafe class PanelTile<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 4;

    /// <summary>Elements behind the last row of a panel that may be read, and change nothing.</summary>
    public const int Slack = 128;

    /// <summary>Columns of a panel.</summary>
    public static int Columns => 2 * TVector.Count;

    /// <summary>c = or += a b; nothing beyond the rows and columns is touched. An element's bits depend on neither.</summary>
    /// <param name="axis">The left factor's rows.</param>
    /// <param name="a">A panel; <see cref="Slack"/> elements behind it exist.</param>
    /// <param name="b">A panel; as many elements behind it exist.</param>
    /// <param name="rows">Any number for the rows of a panel, at most <see cref="Columns"/> for its columns.</param>
    /// <param name="columns">1 … <see cref="Columns"/>.</param>
    /// <param name="words">Length of the contracted axis, at least 1.</param>
    /// <param name="ahead">What to ask for meanwhile.</param>
    public static void Multiply(PanelAxis axis, float* a, float* b, int rows, int columns, int words, bool add, float* c, long stride,
        ref PanelPrefetch ahead)
    {
        var (row, step) = axis == PanelAxis.Rows ? (Columns, 1) : (1, Columns);
        for (int r = 0; r < rows; r += Rows, a += Rows * (nint)row, c += Rows * stride)
        {
            ahead.Next();
            if (r + Rows > rows || (columns != Columns && columns != TVector.Count))
                Edge(a, row, step, b, words, add, c, stride, Math.Min(Rows, rows - r), columns);
            else if (columns == Columns) Tile(a, row, step, b, words, add, c, stride);
            else HalfTile(a, row, step, b, words, add, c, stride);
        }
    }

    /// <summary>A tile of which only some rows and columns exist; the rest of its left factor is slack.</summary>
    [SkipLocalsInit]
    static void Edge(float* a, nint row, nint step, float* b, int words, bool add, float* c, long stride, int rows, int columns)
    {
        float* tile = stackalloc float[Rows * Columns];
        if (columns > TVector.Count) Tile(a, row, step, b, words, false, tile, Columns);
        else HalfTile(a, row, step, b, words, false, tile, Columns);
        for (int r = 0; r < rows; r++, c += stride, tile += Columns)
        {
            int column = 0;
            for (; column + TVector.Count <= columns; column += TVector.Count) StoreSum(TVector.Load(tile + column), add, c + column);
            for (; column < columns; column++) c[column] = add ? c[column] + tile[column] : tile[column];
        }
    }

    static void Tile(float* a, nint row, nint step, float* b, int words, bool add, float* c, long stride)
    {
        TVector c00 = TVector.Zero, c01 = TVector.Zero, c10 = TVector.Zero, c11 = TVector.Zero;
        TVector c20 = TVector.Zero, c21 = TVector.Zero, c30 = TVector.Zero, c31 = TVector.Zero;
        nint row3 = 3 * row;
        for (float* end = b + words * (nint)Columns; b != end; a += step, b += Columns)
        {
            TVector b0 = TVector.Load(b), b1 = TVector.Load(b + TVector.Count);
            TVector x = TVector.Broadcast(*a);
            c00 = TVector.MultiplyAdd(x, b0, c00);
            c01 = TVector.MultiplyAdd(x, b1, c01);
            x = TVector.Broadcast(a[row]);
            c10 = TVector.MultiplyAdd(x, b0, c10);
            c11 = TVector.MultiplyAdd(x, b1, c11);
            x = TVector.Broadcast(a[2 * row]);
            c20 = TVector.MultiplyAdd(x, b0, c20);
            c21 = TVector.MultiplyAdd(x, b1, c21);
            x = TVector.Broadcast(a[row3]);
            c30 = TVector.MultiplyAdd(x, b0, c30);
            c31 = TVector.MultiplyAdd(x, b1, c31);
        }
        StoreSums(c00, c10, c20, c30, add, c, stride);
        StoreSums(c01, c11, c21, c31, add, c + TVector.Count, stride);
    }

    static void HalfTile(float* a, nint row, nint step, float* b, int words, bool add, float* c, long stride)
    {
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        nint row3 = 3 * row;
        for (float* end = b + words * (nint)Columns; b != end; a += step, b += Columns)
        {
            TVector x = TVector.Load(b);
            c0 = TVector.MultiplyAdd(TVector.Broadcast(*a), x, c0);
            c1 = TVector.MultiplyAdd(TVector.Broadcast(a[row]), x, c1);
            c2 = TVector.MultiplyAdd(TVector.Broadcast(a[2 * row]), x, c2);
            c3 = TVector.MultiplyAdd(TVector.Broadcast(a[row3]), x, c3);
        }
        StoreSums(c0, c1, c2, c3, add, c, stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreSums(TVector row0, TVector row1, TVector row2, TVector row3, bool add, float* c, long stride)
    {
        StoreSum(row0, add, c);
        StoreSum(row1, add, c + stride);
        StoreSum(row2, add, c + 2 * stride);
        StoreSum(row3, add, c + 3 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreSum(TVector sum, bool add, float* c) => TVector.Store(add ? sum + TVector.Load(c) : sum, c);
}
