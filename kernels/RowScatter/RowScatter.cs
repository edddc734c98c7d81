using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>y[target[row]] = x[row]: appends the keys and values of new tokens to their sequences' caches.</summary>
public abstract class RowScatter
{
    /// <param name="x">float32 [rows, width].</param>
    /// <param name="target">int32 [rows]: distinct row numbers of y.</param>
    /// <param name="y">float32 [targetRows, width], or bfloat16, to which rows are rounded, where this device <see cref="Supports"/> it; only the
    /// named rows are overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Tensor target, Tensor y)
    {
        CheckShapes(x, target, y, "row_scatter.forward", y.DType);
        using var _ = Trace.Op("row_scatter.forward", ForwardCost(x.Count, y.DType));
        ForwardCore(x, target, y);
    }

    /// <summary>y = x, row by row: keys and values that are computed at once.</summary>
    /// <param name="x">float32 [rows, width].</param>
    /// <param name="y">bfloat16 [rows, width]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the device has no such rows.</exception>
    public void Round(Tensor x, Tensor y)
    {
        Check.Shape(x, new(x.Shape.D0, x.Shape.D1), "row_scatter.round");
        Check.Shape(y, x.Shape, "row_scatter.round", DType.BF16);
        Check.That(Supports(DType.BF16), "row_scatter.round", "a device with bfloat16 rows");
        using var _ = Trace.Op("row_scatter.round", ForwardCost(x.Count, y.DType));
        RoundCore(x, y);
    }

    /// <summary>Whether rows can be stored in this type.</summary>
    public virtual bool Supports(DType type) => type == DType.F32;

    /// <summary>dx[row] = dy[target[row]].</summary>
    /// <param name="dy">float32 [targetRows, width].</param>
    /// <param name="dx">float32 [rows, width]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor target, Tensor dx)
    {
        CheckShapes(dx, target, dy, "row_scatter.backward", DType.F32);
        using var _ = Trace.Op("row_scatter.backward", ForwardCost(dx.Count));
        BackwardCore(dy, target, dx);
    }

    /// <param name="type">Of the rows that are written.</param>
    public static Cost ForwardCost(long count, DType type = DType.F32) => new(0, (sizeof(float) + type.SizeInBytes()) * count);

    protected abstract void ForwardCore(Tensor x, Tensor target, Tensor y);
    /// <summary>Only devices that support bfloat16 rows have it.</summary>
    protected virtual void RoundCore(Tensor x, Tensor y) => throw new NotSupportedException();

    protected abstract void BackwardCore(Tensor dy, Tensor target, Tensor dx);

    void CheckShapes(Tensor rows, Tensor target, Tensor all, string operation, DType type)
    {
        Check.Shape(rows, new(rows.Shape.D0, rows.Shape.D1), operation);
        Check.Shape(target, new(rows.Shape.D0), operation, DType.I32);
        Check.That(Supports(type), operation, $"rows that this device has, got {type}");
        Check.Shape(all, new(all.Shape.D0, rows.Shape.D1), operation, type);
    }
}
