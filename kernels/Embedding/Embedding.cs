using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>y[row] = table[ids[row]]; T5 applies no scale.</summary>
/// <remarks>Source: torch.nn.functional.embedding. Ids are checked where batches are made, not here.</remarks>
public abstract class Embedding
{
    /// <summary>Whether tables may be of this type in <see cref="Forward"/>.</summary>
    public virtual bool Supports(DType type) => type == DType.F32;

    /// <param name="ids">int32 [rows], each 0 … vocabulary − 1.</param>
    /// <param name="table">float32 [vocabulary, width], or bfloat16 where this device <see cref="Supports"/> it.</param>
    /// <param name="y">float32 [rows, width]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor ids, Tensor table, Tensor y)
    {
        Check.That(Supports(table.DType), "embedding.forward", $"'{table.Name}' in a type that this device has, got {table.DType}");
        CheckShapes(ids, table, y, "embedding.forward", table.DType);
        using var _ = Trace.Op("embedding.forward", ForwardCost(ids.Shape.D0, table.Shape.D1));
        ForwardCore(ids, table, y);
    }

    /// <summary>Whether <see cref="Backward"/> takes <see cref="OrderRows"/>: a device finds the rows of an id by it.</summary>
    public virtual bool UsesOrder => false;

    /// <summary>The rows by their ids, those of an id in order.</summary>
    /// <param name="ids">Each at least 0.</param>
    /// <param name="keys">Scratch, as many elements.</param>
    /// <param name="order">As many elements; overwritten.</param>
    public static void OrderRows(ReadOnlySpan<int> ids, Span<long> keys, Span<int> order)
    {
        keys = keys[..ids.Length];
        for (int row = 0; row < ids.Length; row++) keys[row] = ((long)ids[row] << 32) | (uint)row;
        keys.Sort();
        for (int i = 0; i < ids.Length; i++) order[i] = (int)keys[i];
    }

    /// <summary>dTable[ids[row]] += dy[row], rows in order, so that repeated ids sum in a fixed order.</summary>
    /// <param name="dy">float32 [rows, width].</param>
    /// <param name="ids">int32 [rows].</param>
    /// <param name="order">int32 [rows], see <see cref="OrderRows"/>; absent exactly where <see cref="UsesOrder"/> is false.</param>
    /// <param name="dTable">float32 [vocabulary, width]; accumulates.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor ids, Tensor order, Tensor dTable)
    {
        CheckShapes(ids, dTable, dy, "embedding.backward", DType.F32);
        Check.That(order.IsAbsent != UsesOrder, "embedding.backward", "the order of the rows exactly where this device uses it");
        if (!order.IsAbsent) Check.Shape(order, ids.Shape, "embedding.backward", DType.I32);
        using var _ = Trace.Op("embedding.backward", BackwardCost(ids.Shape.D0, dTable.Shape.D1));
        BackwardCore(dy, ids, order, dTable);
    }

    public static Cost ForwardCost(int rows, int width) => new(0, sizeof(float) * 2L * rows * width);
    public static Cost BackwardCost(int rows, int width) => new((long)rows * width, sizeof(float) * 3L * rows * width);

    protected abstract void ForwardCore(Tensor ids, Tensor table, Tensor y);
    protected abstract void BackwardCore(Tensor dy, Tensor ids, Tensor order, Tensor dTable);

    static void CheckShapes(Tensor ids, Tensor table, Tensor rows, string operation, DType type)
    {
        Check.Shape(ids, new(ids.Shape.D0), operation, DType.I32);
        Check.Shape(table, new(table.Shape.D0, table.Shape.D1), operation, type);
        Check.Shape(rows, new(ids.Shape.D0, table.Shape.D1), operation);
    }
}
