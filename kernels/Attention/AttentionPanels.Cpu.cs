namespace DistillEngine.Kernels;

/// <summary>
/// Panels of one head, and their products. The rows of q, k, v or dy of a head lie as one panel for each <see cref="Block"/>
/// of the head's columns, one behind the other; scores as a single panel [keys, queries of a block].
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    // Keys that pass through the caches together where each has a result of its own: whole tiles, 6 KiB a panel of 32 columns.
    const int RowPiece = 48;

    static long PanelElements(in Call call, int rows) => rows * PadTo(call.HeadWidth, Block);

    /// <summary>Copies the first <paramref name="rows"/> of <paramref name="panelRows"/> rows; columns that the head lacks become 0.</summary>
    static void Pack(in Call call, float* source, int rows, int panelRows, float* panels)
    {
        int width = call.HeadWidth, columns = Block;
        for (int first = 0; first < width; first += columns, panels += (long)panelRows * columns)
        {
            int count = Math.Min(columns, width - first);
            float* from = source + first, to = panels;
            for (int row = 0; row < rows; row++, from += call.Width, to += columns)
            {
                int i = 0;
                for (; i + TVector.Count <= count; i += TVector.Count) TVector.Store(TVector.Load(from + i), to + i);
                for (; i < count; i++) to[i] = from[i];
                for (; i < columns; i++) to[i] = 0;
            }
        }
    }

    /// <summary>A block of queries as a panel [head width, queries]; those that the block lacks become 0.</summary>
    static void Transpose(in Call call, float* source, int count, float* panel) =>
        GemmPack<TVector>.Panel(GemmOperand.OfLines(source, call.Width), 0, count, Block, 0, call.HeadWidth, panel);

    /// <summary>scores[key, query] = Σ keys · queries, of the keys that each vector of queries sees.</summary>
    /// <param name="keys">Panels of <paramref name="keyRows"/> rows.</param>
    /// <param name="queries">Transposed.</param>
    static void Scores(in Call call, float* keys, int keyRows, float* queries, in Extent extent, float* scores, ref PanelPrefetch ahead)
    {
        int skipped = TVector.Count;
        Scores(call, keys, keyRows, queries, 0, extent.InnerReach, extent.Lanes, scores, ref ahead);
        Scores(call, keys, keyRows, queries + skipped, extent.InnerReach, extent.Reach, extent.Lanes - skipped, scores + skipped, ref ahead);
    }

    static void Scores(in Call call, float* keys, int keyRows, float* queries, int start, int end, int lanes, float* scores, ref PanelPrefetch ahead)
    {
        int columns = Block;
        for (int key = start; key < end; key += RowPiece)
            for (int first = 0; first < call.HeadWidth; first += columns)
                PanelTile<TVector>.Multiply(PanelAxis.Rows, keys + ((long)keyRows * first + (long)key * columns), queries + (long)first * columns,
                    Math.Min(RowPiece, end - key), lanes, Math.Min(columns, call.HeadWidth - first), first > 0, scores + (long)key * columns, columns,
                    ref ahead);
    }

    /// <summary>result[query] = Σ weights[key, query] · values[key], over the keys that each vector of queries sees; rows as in q.</summary>
    /// <param name="values">Panels of <paramref name="keyRows"/> rows.</param>
    static void SumOfRows(in Call call, float* weights, float* values, int keyRows, in Extent extent, float* result, ref PanelPrefetch ahead)
    {
        if (extent.InnerReach == extent.Reach)
        {
            SumOfRows(call, weights, values, keyRows, extent.Reach, extent.Count, result, ref ahead);
            return;
        }
        int inner = TVector.Count;
        SumOfRows(call, weights, values, keyRows, extent.InnerReach, inner, result, ref ahead);
        SumOfRows(call, weights + inner, values, keyRows, extent.Reach, extent.Count - inner, result + inner * (long)call.Width, ref ahead);
    }

    static void SumOfRows(in Call call, float* weights, float* values, int keyRows, int reach, int count, float* result, ref PanelPrefetch ahead)
    {
        int columns = Block;
        for (int key = 0; key < reach; key += KeyPiece)
            for (int first = 0; first < call.HeadWidth; first += columns)
                PanelTile<TVector>.Multiply(PanelAxis.Columns, weights + (long)key * columns, values + ((long)keyRows * first + (long)key * columns),
                    count, Math.Min(columns, call.HeadWidth - first), Math.Min(KeyPiece, reach - key), key > 0, result + first, call.Width,
                    ref ahead);
    }

    /// <summary>result[key] = or += Σ weights[key, query] · queries[query] over the queries of a block that see the key; rows as in k. Keys seen
    /// by a block before add up, the others are overwritten.</summary>
    /// <param name="queries">Panels of as many rows as a block has.</param>
    static void SumOfQueries(in Call call, float* weights, float* queries, in Extent extent, float* result, ref PanelPrefetch ahead)
    {
        int skipped = TVector.Count;
        SumOfQueries(call, weights, queries, 0, extent.Seen, extent.Count, add: true, result, ref ahead);
        SumOfQueries(call, weights, queries, extent.Seen, extent.InnerReach, extent.Count, add: false, result, ref ahead);
        SumOfQueries(call, weights + skipped, queries + (long)skipped * Block, extent.InnerReach, extent.Reach, extent.Count - skipped,
            add: false, result, ref ahead);
    }

    static void SumOfQueries(in Call call, float* weights, float* queries, int start, int end, int count, bool add, float* result,
        ref PanelPrefetch ahead)
    {
        int columns = Block;
        for (int key = start; key < end; key += RowPiece)
            for (int first = 0; first < call.HeadWidth; first += columns)
                PanelTile<TVector>.Multiply(PanelAxis.Rows, weights + (long)key * columns, queries + (long)columns * first,
                    Math.Min(RowPiece, end - key), Math.Min(columns, call.HeadWidth - first), count, add, result + key * (long)call.Width + first, call.Width,
                    ref ahead);
    }

    /// <summary>What a block of queries reaches. In a causal call the queries of its first vector see fewer keys than those of its second, and
    /// nothing is computed of the rest.</summary>
    readonly struct Extent(in Call call, in AttentionSpan span, int block)
    {
        /// <summary>First query, and how many.</summary>
        public readonly int First = block * Block, Count = Call.BlockQueries(span, block);

        /// <summary>Keys, from the first, that some query of the block sees; of its first vector; of the block before.</summary>
        public readonly int Reach = call.BlockReach(span, block), InnerReach = call.InnerReach(span, block),
            Seen = block == 0 ? 0 : call.BlockReach(span, block - 1);

        /// <summary>Whole vectors of queries.</summary>
        public readonly int Lanes = (int)PadTo(Call.BlockQueries(span, block), TVector.Count);

        /// <summary>Keys that a vector of queries sees, which begins at a lane of the block.</summary>
        public int ReachOf(in Call call, int lane) => lane < TVector.Count ? InnerReach : Reach;
    }
}
