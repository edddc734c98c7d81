using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>End of every sub-layer: y = x + dropout(branch).</summary>
/// <remarks>Source: Hugging Face modeling_t5 (T5LayerSelfAttention, T5LayerCrossAttention, T5LayerFF).</remarks>
public abstract class ResidualAdd
{
    /// <param name="x">float32 [rows, width]: the residual stream.</param>
    /// <param name="branch">float32 [rows, width]: what the sub-layer computed.</param>
    /// <param name="rowKeys">int32 [rows]: the bits of CounterRng.RowKey of each row.</param>
    /// <param name="site">Dropout of the branch; may be inactive.</param>
    /// <param name="y">float32 [rows, width]; overwritten; may be x or branch.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the rate is not 0 … below 1.</exception>
    public void Forward(Tensor x, Tensor branch, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        Check.Shape(x, new(x.Shape.D0, x.Shape.D1), "residual_add.forward");
        Check.Shape(branch, x.Shape, "residual_add.forward");
        Check.Shape(rowKeys, new(x.Shape.D0), "residual_add.forward", DType.I32);
        Check.Shape(y, x.Shape, "residual_add.forward");
        Check.DropoutRate(site.Rate, "residual_add.forward");
        using var _ = Trace.Op("residual_add.forward", ForwardCost(x.Count));
        ForwardCore(x, branch, rowKeys, site, y);
    }

    /// <summary>dBranch = dropout mask · dy. The gradient of x is dy itself, which the caller keeps.</summary>
    /// <param name="dBranch">float32 [rows, width]; overwritten; not dy.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or the rate is not 0 … below 1.</exception>
    public void Backward(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dBranch)
    {
        Check.Shape(dy, new(dy.Shape.D0, dy.Shape.D1), "residual_add.backward");
        Check.Shape(dBranch, dy.Shape, "residual_add.backward");
        Check.Shape(rowKeys, new(dy.Shape.D0), "residual_add.backward", DType.I32);
        Check.DropoutRate(site.Rate, "residual_add.backward");
        using var _ = Trace.Op("residual_add.backward", Dropout.ForwardCost(dy.Count));
        BackwardCore(dy, rowKeys, site, dBranch);
    }

    public static Cost ForwardCost(long count) => new(2 * count, 3 * sizeof(float) * count);

    protected abstract void ForwardCore(Tensor x, Tensor branch, Tensor rowKeys, DropoutSite site, Tensor y);
    protected abstract void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dBranch);
}
