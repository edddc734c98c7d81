using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Global norm: √(Σ g²) over all gradients, summed in double over fixed blocks, so that no split changes its bits.</summary>
/// <remarks>Source: torch.nn.utils.clip_grad_norm_, but without the loss of precision of its float32 sum (2e-4 at a million elements).
/// The optimizers apply the factor min(1, clip / (norm + 1e-6)).</remarks>
public abstract class GradientNorm
{
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

    /// <summary>Factor that clips a gradient of this norm; 1 where <paramref name="clip"/> is 0.</summary>
    public static float ClipFactor(float norm, float clip) => clip > 0 ? Math.Min(1f, clip / (norm + 1e-6f)) : 1f;

    public static Cost ForwardCost(long count) => new(2 * count, sizeof(float) * count);

    protected abstract void ForwardCore(Tensor gradients, Tensor norm);
}
