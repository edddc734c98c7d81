using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>y[target[row]] = x[row]: appends the keys and values of new tokens to their sequences' caches.</summary>
public abstract class RowScatter
{
    /// <param name="x">float32 [rows, width].</param>
    /// <param name="target">int32 [rows]: distinct row numbers of y.</param>
    /// <param name="y">float32 [targetRows, width]; only the named rows are overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Tensor target, Tensor y)
    {
        CheckShapes(x, target, y, "row_scatter.forward");
        using var _ = Trace.Op("row_scatter.forward", ForwardCost(x.Count));
        ForwardCore(x, target, y);
    }

    /// <summary>dx[row] = dy[target[row]].</summary>
    /// <param name="dy">float32 [targetRows, width].</param>
    /// <param name="dx">float32 [rows, width]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor target, Tensor dx)
    {
        CheckShapes(dx, target, dy, "row_scatter.backward");
        using var _ = Trace.Op("row_scatter.backward", ForwardCost(dx.Count));
        BackwardCore(dy, target, dx);
    }

    public static Cost ForwardCost(long count) => new(0, 2 * sizeof(float) * count);

    protected abstract void ForwardCore(Tensor x, Tensor target, Tensor y);
    protected abstract void BackwardCore(Tensor dy, Tensor target, Tensor dx);

    static void CheckShapes(Tensor rows, Tensor target, Tensor all, string operation)
    {
        Check.Shape(rows, new(rows.Shape.D0, rows.Shape.D1), operation);
        Check.Shape(target, new(rows.Shape.D0), operation, DType.I32);
        Check.Shape(all, new(all.Shape.D0, rows.Shape.D1), operation);
    }
}
