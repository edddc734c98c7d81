using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>y = x · m / (1 − rate), m = 0 with probability rate, else 1; the mask is a function of its place and is never stored.</summary>
/// <remarks>Source: torch.nn.functional.dropout for the scale; the draws are ours, see <see cref="DropoutSite"/>.</remarks>
public abstract class Dropout
{
    /// <param name="x">float32 [rows, width].</param>
    /// <param name="rowKeys">int32 [rows]: the bits of CounterRng.RowKey of each row.</param>
    /// <param name="site">Rate and key; an inactive site copies.</param>
    /// <param name="y">float32 [rows, width]; overwritten; may be x.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the rate is not 0 … below 1.</exception>
    public void Forward(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        Validate(x, rowKeys, site, y, "dropout.forward");
        using var _ = Trace.Op("dropout.forward", ForwardCost(x.Count));
        ForwardCore(x, rowKeys, site, y);
    }

    /// <summary>dx = dy · m / (1 − rate) with Forward's mask.</summary>
    /// <param name="dx">float32 [rows, width]; overwritten; may be dy.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the rate is not 0 … below 1.</exception>
    public void Backward(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dx)
    {
        Validate(dy, rowKeys, site, dx, "dropout.backward");
        using var _ = Trace.Op("dropout.backward", ForwardCost(dy.Count));
        BackwardCore(dy, rowKeys, site, dx);
    }

    public static Cost ForwardCost(long count) => new(count, 2 * sizeof(float) * count);

    protected abstract void ForwardCore(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y);
    protected abstract void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dx);

    static void Validate(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y, string operation)
    {
        Check.DropoutRate(site.Rate, operation);
        Check.Shape(x, new(x.Shape.D0, x.Shape.D1), operation);
        Check.Shape(rowKeys, new(x.Shape.D0), operation, DType.I32);
        Check.Shape(y, x.Shape, operation);
    }
}
