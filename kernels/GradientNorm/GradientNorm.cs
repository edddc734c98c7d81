using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Global norm: √(Σ g²) over all gradients, summed in double over fixed blocks, so that no split changes its bits.</summary>
/// <remarks>Source: torch.nn.utils.clip_grad_norm_, but without the loss of precision of its float32 sum (2e-4 at a million elements).
/// The optimizers apply the factor min(1, clip / (norm + 1e-6)).</remarks>
public abstract class GradientNorm
{
    /// <summary>Whether squares cost less when they are summed as soon as a gradient is written, while caches hold it, than all at once.</summary>
    public virtual bool SumsEarly => false;

    /// <param name="gradients">float32 [rows, width].</param>
    /// <param name="norm">float32 [1]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor gradients, Tensor norm)
    {
        Check.Shape(gradients, new(gradients.Shape.D0, gradients.Shape.D1), "gradient_norm.forward");
        Check.Shape(norm, new(1), "gradient_norm.forward");
        using var _ = Trace.Op("gradient_norm.forward", ForwardCost(gradients.Count));
        ForwardCore(gradients, norm);
    }

    /// <summary>sum = Σ g² of some gradients.</summary>
    /// <param name="gradients">float32 [rows, width].</param>
    /// <param name="sum">float64 [1]; overwritten.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    /// <exception cref="NotSupportedException">The device does not sum early.</exception>
    public void SumSquares(Tensor gradients, Tensor sum)
    {
        Check.Shape(gradients, new(gradients.Shape.D0, gradients.Shape.D1), "gradient_norm.sum_squares");
        Check.Shape(sum, new(1), "gradient_norm.sum_squares", DType.F64);
        using var _ = Trace.Op("gradient_norm.sum_squares", ForwardCost(gradients.Count));
        SumSquaresCore(gradients, sum);
    }

    /// <summary>norm = √(Σ sums), in order.</summary>
    /// <param name="sums">float64 [count], of <see cref="SumSquares"/>.</param>
    /// <param name="norm">float32 [1]; overwritten.</param>
    /// <inheritdoc cref="SumSquares"/>
    public void Root(Tensor sums, Tensor norm)
    {
        Check.Shape(sums, new(sums.Shape.D0), "gradient_norm.root", DType.F64);
        Check.Shape(norm, new(1), "gradient_norm.root");
        RootCore(sums, norm);
    }

    /// <summary>Factor that clips a gradient of this norm; 1 where <paramref name="clip"/> is 0.</summary>
    public static float ClipFactor(float norm, float clip) => clip > 0 ? Math.Min(1f, clip / (norm + 1e-6f)) : 1f;

    public static Cost ForwardCost(long count) => new(2 * count, sizeof(float) * count);

    protected abstract void ForwardCore(Tensor gradients, Tensor norm);

    /// <summary>Only devices that sum early have these two.</summary>
    protected virtual void SumSquaresCore(Tensor gradients, Tensor sum) => throw new NotSupportedException();

    protected virtual void RootCore(Tensor sums, Tensor norm) => throw new NotSupportedException();
}
