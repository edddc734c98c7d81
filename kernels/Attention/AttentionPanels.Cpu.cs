namespace DistillEngine.Kernels;

/// <summary>
/// Panels of one head, and their products. The rows of q, k, v or dy of a head lie as one panel for each <see cref="PanelKernel.Columns"/>
/// of the head's columns, one behind the other; scores as a single panel [keys, queries of a block].
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    static long PanelElements(in Call call, int rows) => rows * PadTo(call.HeadWidth, call.Block);

    /// <summary>Copies the first <paramref name="rows"/> of <paramref name="panelRows"/> rows; columns that the head lacks become 0.</summary>
    static void Pack(in Call call, float* source, int rows, int panelRows, float* panels)
    {
        int width = call.HeadWidth, columns = call.Block;
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
        GemmPack<TVector>.Panel(GemmOperand.OfLines(source, call.Width), 0, count, call.Block, 0, call.HeadWidth, panel);

    /// <summary>scores[key, query] = Σ keys · queries, of the first <paramref name="reach"/> keys.</summary>
    /// <param name="keys">Panels of <paramref name="keyRows"/> rows.</param>
    /// <param name="queries">Transposed.</param>
    static void Scores(in Call call, float* keys, int keyRows, float* queries, int reach, int lanes, float* scores)
    {
        int columns = call.Block;
        for (int key = 0; key < reach; key += KeyPiece)
            for (int first = 0; first < call.HeadWidth; first += columns)
                call.Panels.Multiply(TileLeft.PanelRows, keys + ((long)keyRows * first + (long)key * columns), queries + (long)first * columns,
                    Math.Min(KeyPiece, reach - key), lanes, Math.Min(columns, call.HeadWidth - first), first > 0, scores + (long)key * columns, columns);
    }

    /// <summary>result[query] = Σ weights[key, query] · values[key], over the first <paramref name="reach"/> keys; rows as in q.</summary>
    /// <param name="values">Panels of <paramref name="keyRows"/> rows.</param>
    static void SumOfRows(in Call call, float* weights, float* values, int keyRows, int reach, int count, float* result)
    {
        int columns = call.Block;
        for (int key = 0; key < reach; key += KeyPiece)
            for (int first = 0; first < call.HeadWidth; first += columns)
                call.Panels.Multiply(TileLeft.PanelColumns, weights + (long)key * columns, values + ((long)keyRows * first + (long)key * columns),
                    count, Math.Min(columns, call.HeadWidth - first), Math.Min(KeyPiece, reach - key), key > 0, result + first, call.Width);
    }

    /// <summary>result[key] = or += Σ weights[key, query] · queries[query] over a block, for keys <paramref name="start"/> … <paramref name="end"/> − 1;
    /// rows as in k.</summary>
    /// <param name="queries">Panels of as many rows as a block has.</param>
    static void SumOfQueries(in Call call, float* weights, float* queries, int start, int end, int count, bool add, float* result)
    {
        int columns = call.Block;
        for (int key = start; key < end; key += KeyPiece)
            for (int first = 0; first < call.HeadWidth; first += columns)
                call.Panels.Multiply(TileLeft.PanelRows, weights + (long)key * columns, queries + (long)columns * first,
                    Math.Min(KeyPiece, end - key), Math.Min(columns, call.HeadWidth - first), count, add, result + key * (long)call.Width + first, call.Width);
    }
}
