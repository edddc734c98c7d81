using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

/// <summary>The tile that the runtime compiles, on any processor: four rows by two vectors, eight sums, enough for two multiply-add units.</summary>
sealed unsafe class PortablePanelKernel<TVector> : PanelKernel where TVector : struct, IVectorF32<TVector>
{
    const int TileRows = 4;

    public override int Rows => TileRows;

    public override int Lanes => TVector.Count;

    public override void Multiply(TileLeft left, float* a, float* b, int rows, int columns, int words, bool add, float* c, long stride, ref PanelPrefetch ahead)
    {
        var (row, step) = left == TileLeft.PanelRows ? (Columns, 1) : (1, Columns);
        for (int r = 0; r < rows; r += TileRows, a += TileRows * (nint)row, c += TileRows * stride)
        {
            ahead.Next();
            if (r + TileRows <= rows && columns == Columns) Tile(a, row, step, b, words, add, c, stride);
            else Edge(a, row, step, b, words, add, c, stride, Math.Min(TileRows, rows - r), columns);
        }
    }

    /// <summary>A tile of which only some rows and columns exist; the rest of its left factor is slack.</summary>
    [SkipLocalsInit]
    static void Edge(float* a, nint row, nint step, float* b, int words, bool add, float* c, long stride, int rows, int columns)
    {
        float* tile = stackalloc float[TileRows * 2 * TVector.Count];
        Tile(a, row, step, b, words, false, tile, 2 * TVector.Count);
        for (int r = 0; r < rows; r++, c += stride, tile += 2 * TVector.Count)
            for (int column = 0; column < columns; column++) c[column] = add ? c[column] + tile[column] : tile[column];
    }

    static void Tile(float* a, nint row, nint step, float* b, int words, bool add, float* c, long stride)
    {
        TVector c00 = TVector.Zero, c01 = TVector.Zero, c10 = TVector.Zero, c11 = TVector.Zero;
        TVector c20 = TVector.Zero, c21 = TVector.Zero, c30 = TVector.Zero, c31 = TVector.Zero;
        for (; words > 0; words--, a += step, b += 2 * TVector.Count)
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
            x = TVector.Broadcast(a[3 * row]);
            c30 = TVector.MultiplyAdd(x, b0, c30);
            c31 = TVector.MultiplyAdd(x, b1, c31);
        }
        StoreRow(c00, c01, add, c);
        StoreRow(c10, c11, add, c + stride);
        StoreRow(c20, c21, add, c + 2 * stride);
        StoreRow(c30, c31, add, c + 3 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreRow(TVector left, TVector right, bool add, float* c)
    {
        if (add)
        {
            left += TVector.Load(c);
            right += TVector.Load(c + TVector.Count);
        }
        TVector.Store(left, c);
        TVector.Store(right, c + TVector.Count);
    }
}
