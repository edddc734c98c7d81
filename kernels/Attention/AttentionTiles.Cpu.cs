using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

public sealed unsafe partial class AttentionCpu<TVector>
{
    /// <summary>
    /// Products and packing of one head in scratch memory. Every scratch matrix has columns padded to <see cref="Grain"/> and rows padded
    /// to <see cref="Rows"/>, so that the product knows full tiles alone, whatever the head width and the lengths.
    /// </summary>
    static class Tiles
    {
        /// <summary>Columns of scratch matrices come in multiples of this: one cache line, at least one vector of any width.</summary>
        public const int Grain = 16;

        /// <summary>Rows of a register tile: with two vectors of columns eight accumulators, enough for two FMA units.</summary>
        public const int Rows = 4;

        public static int PadRows(int rows) => (rows + Rows - 1) / Rows * Rows;

        public static int PadColumns(int columns) => (columns + Grain - 1) / Grain * Grain;

        /// <summary>Row length in scratch: an odd number of cache lines, so that a column spreads over all cache sets.</summary>
        public static int Stride(int columns) => (PadColumns(columns) / Grain | 1) * Grain;

        /// <summary>Terms summed in registers before they join c: rounding grows with the root of a sum's length, and sums of sums have
        /// shorter ones.</summary>
        const int DepthBlock = 32;

        /// <summary>c[r, j] = (add ? c[r, j] : 0) + Σ_d a[r, d] b[d, j], block by block of d; columns of b and c lie side by side.</summary>
        /// <param name="rows">A multiple of <see cref="Rows"/>.</param>
        /// <param name="columns">A multiple of the vector width.</param>
        public static void Multiply(Matrix a, Matrix b, Matrix c, int rows, int depth, int columns, bool add)
        {
            for (int d = 0; d < depth; d += DepthBlock)
                MultiplyBlock(a.FromColumn(d), b.FromRow(d), c, rows, Math.Min(DepthBlock, depth - d), columns, add || d > 0);
        }

        static void MultiplyBlock(Matrix a, Matrix b, Matrix c, int rows, int depth, int columns, bool add)
        {
            int pair = 2 * TVector.Count;
            int j = 0;
            // Columns outermost: the panel b[·, j] stays in the first-level cache while the rows pass over it.
            for (; j + pair <= columns; j += pair)
                for (int r = 0; r < rows; r += Rows)
                    TilePair(a.Row(r), a.RowStride, a.ColumnStride, b.Data + j, b.RowStride, c.Row(r) + j, c.RowStride, depth, add);
            for (; j < columns; j += TVector.Count)
                for (int r = 0; r < rows; r += Rows)
                    Tile(a.Row(r), a.RowStride, a.ColumnStride, b.Data + j, b.RowStride, c.Row(r) + j, c.RowStride, depth, add);
        }

        /// <summary>destination[column, row] = source[row, column]; the columns of padding rows become 0.</summary>
        public static void Transpose(float* source, long sourceStride, int rows, int columns, Matrix destination)
        {
            int padded = PadColumns(rows);
            for (int r0 = 0; r0 < padded; r0 += Grain)
            {
                int end = Math.Min(r0 + Grain, rows);
                for (int c = 0; c < columns; c++)
                {
                    float* line = destination.Row(c);
                    int r = r0;
                    for (; r < end; r++) line[r] = source[r * sourceStride + c];
                    for (; r < r0 + Grain; r++) line[r] = 0;
                }
            }
        }

        /// <summary>Copies rows into scratch; padding rows and columns become 0.</summary>
        public static void Pack(float* source, long sourceStride, int rows, int columns, Matrix destination)
        {
            int padded = PadColumns(columns);
            for (int r = 0; r < rows; r++)
            {
                float* line = destination.Row(r);
                new ReadOnlySpan<float>(source + r * sourceStride, columns).CopyTo(new Span<float>(line, columns));
                new Span<float>(line + columns, padded - columns).Clear();
            }
            for (int r = rows; r < PadRows(rows); r++) new Span<float>(destination.Row(r), padded).Clear();
        }

        /// <summary>Copies rows out of scratch.</summary>
        public static void Unpack(Matrix source, int rows, int columns, float* destination, long destinationStride)
        {
            for (int r = 0; r < rows; r++)
                new ReadOnlySpan<float>(source.Row(r), columns).CopyTo(new Span<float>(destination + r * destinationStride, columns));
        }

        /// <summary>Σ a[i] b[i] over vectors, then a scalar tail.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Dot(float* a, float* b, int count)
        {
            TVector sum = TVector.Zero;
            int i = 0;
            for (; i + TVector.Count <= count; i += TVector.Count) sum = TVector.MultiplyAdd(TVector.Load(a + i), TVector.Load(b + i), sum);
            float total = TVector.Sum(sum);
            for (; i < count; i++) total = float.MultiplyAddEstimate(a[i], b[i], total);
            return total;
        }

        static void TilePair(float* a, int aRow, int aDepth, float* b, int bStride, float* c, int cStride, int depth, bool add)
        {
            int n = TVector.Count;
            TVector c00 = TVector.Zero, c01 = TVector.Zero, c10 = TVector.Zero, c11 = TVector.Zero;
            TVector c20 = TVector.Zero, c21 = TVector.Zero, c30 = TVector.Zero, c31 = TVector.Zero;
            float* a1 = a + aRow;
            float* a2 = a1 + aRow;
            float* a3 = a2 + aRow;
            float* c1 = c + cStride;
            float* c2 = c1 + cStride;
            float* c3 = c2 + cStride;
            nint at = 0;
            for (int d = 0; d < depth; d++, at += aDepth, b += bStride)
            {
                TVector b0 = TVector.Load(b), b1 = TVector.Load(b + n);
                TVector x = TVector.Broadcast(a[at]);
                c00 = TVector.MultiplyAdd(x, b0, c00);
                c01 = TVector.MultiplyAdd(x, b1, c01);
                x = TVector.Broadcast(a1[at]);
                c10 = TVector.MultiplyAdd(x, b0, c10);
                c11 = TVector.MultiplyAdd(x, b1, c11);
                x = TVector.Broadcast(a2[at]);
                c20 = TVector.MultiplyAdd(x, b0, c20);
                c21 = TVector.MultiplyAdd(x, b1, c21);
                x = TVector.Broadcast(a3[at]);
                c30 = TVector.MultiplyAdd(x, b0, c30);
                c31 = TVector.MultiplyAdd(x, b1, c31);
            }
            if (add)
            {
                (c00, c01) = (c00 + TVector.Load(c), c01 + TVector.Load(c + n));
                (c10, c11) = (c10 + TVector.Load(c1), c11 + TVector.Load(c1 + n));
                (c20, c21) = (c20 + TVector.Load(c2), c21 + TVector.Load(c2 + n));
                (c30, c31) = (c30 + TVector.Load(c3), c31 + TVector.Load(c3 + n));
            }
            TVector.Store(c00, c);
            TVector.Store(c01, c + n);
            TVector.Store(c10, c1);
            TVector.Store(c11, c1 + n);
            TVector.Store(c20, c2);
            TVector.Store(c21, c2 + n);
            TVector.Store(c30, c3);
            TVector.Store(c31, c3 + n);
        }

        static void Tile(float* a, int aRow, int aDepth, float* b, int bStride, float* c, int cStride, int depth, bool add)
        {
            TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
            float* a1 = a + aRow;
            float* a2 = a1 + aRow;
            float* a3 = a2 + aRow;
            nint at = 0;
            for (int d = 0; d < depth; d++, at += aDepth, b += bStride)
            {
                TVector x = TVector.Load(b);
                c0 = TVector.MultiplyAdd(TVector.Broadcast(a[at]), x, c0);
                c1 = TVector.MultiplyAdd(TVector.Broadcast(a1[at]), x, c1);
                c2 = TVector.MultiplyAdd(TVector.Broadcast(a2[at]), x, c2);
                c3 = TVector.MultiplyAdd(TVector.Broadcast(a3[at]), x, c3);
            }
            if (add)
            {
                (c0, c1) = (c0 + TVector.Load(c), c1 + TVector.Load(c + cStride));
                (c2, c3) = (c2 + TVector.Load(c + 2 * (nint)cStride), c3 + TVector.Load(c + 3 * (nint)cStride));
            }
            TVector.Store(c0, c);
            TVector.Store(c1, c + cStride);
            TVector.Store(c2, c + 2 * (nint)cStride);
            TVector.Store(c3, c + 3 * (nint)cStride);
        }
    }

    /// <summary>Float32 elements (row, column) at Data[row · RowStride + column · ColumnStride].</summary>
    readonly struct Matrix(float* data, int rowStride, int columnStride = 1)
    {
        public readonly float* Data = data;
        public readonly int RowStride = rowStride, ColumnStride = columnStride;

        public Matrix Transposed => new(Data, ColumnStride, RowStride);

        public float* Row(int row) => Data + (nint)row * RowStride;

        public Matrix FromRow(int row) => new(Row(row), RowStride, ColumnStride);

        public Matrix FromColumn(int column) => new(Data + (nint)column * ColumnStride, RowStride, ColumnStride);
    }
}
