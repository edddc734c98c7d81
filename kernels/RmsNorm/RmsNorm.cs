using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>T5 layer norm over the last axis: y = x · invRms · weight, invRms = 1/√(mean(x²) + epsilon). No mean, no bias.</summary>
/// <remarks>Source: arXiv:1910.07467 eq. 4; Hugging Face modeling_t5.T5LayerNorm. Sums accumulate in float32.</remarks>
public abstract class RmsNorm
{
    /// <param name="x">float32 [rows, width].</param>
    /// <param name="weight">float32 [width].</param>
    /// <param name="epsilon">Added to the mean square; T5 uses 1e-6.</param>
    /// <param name="y">float32 [rows, width]; overwritten; may be x.</param>
    /// <param name="invRms">float32 [rows]; overwritten; Backward needs it.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Tensor weight, float epsilon, Tensor y, Tensor invRms)
    {
        var (rows, width) = (x.Shape.D0, x.Shape.D1);
        Check.Shape(x, new(rows, width), "rms_norm.forward");
        Check.Shape(weight, new(width), "rms_norm.forward");
        Check.Shape(y, x.Shape, "rms_norm.forward");
        Check.Shape(invRms, new(rows), "rms_norm.forward");
        using var _ = Trace.Op("rms_norm.forward", ForwardCost(rows, width));
        ForwardCore(x, weight, epsilon, y, invRms);
    }

    /// <summary>With g = dy · weight: dx = invRms · g − x · invRms³ · mean(g · x); dWeight += Σ_rows dy · x · invRms.</summary>
    /// <param name="dy">float32 [rows, width].</param>
    /// <param name="x">float32 [rows, width], as given to Forward (not overwritten since).</param>
    /// <param name="into">For dx only; dWeight always accumulates.</param>
    /// <param name="dx">float32 [rows, width]; may be dy when overwritten.</param>
    /// <param name="dWeight">float32 [width].</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor x, Tensor weight, Tensor invRms, Into into, Tensor dx, Tensor dWeight)
    {
        var (rows, width) = (x.Shape.D0, x.Shape.D1);
        Check.Shape(dy, x.Shape, "rms_norm.backward");
        Check.Shape(weight, new(width), "rms_norm.backward");
        Check.Shape(invRms, new(rows), "rms_norm.backward");
        Check.Shape(dx, x.Shape, "rms_norm.backward");
        Check.Shape(dWeight, new(width), "rms_norm.backward");
        using var _ = Trace.Op("rms_norm.backward", BackwardCost(rows, width, into));
        BackwardCore(dy, x, weight, invRms, into, dx, dWeight);
    }

    public static Cost ForwardCost(int rows, int width) => new(4L * rows * width, sizeof(float) * (2L * rows * width + width + rows));

    /// <summary>dy, x, weight and invRms read, dx written (and read where it is added to), dWeight read and written.</summary>
    public static Cost BackwardCost(int rows, int width, Into into = Into.Overwrite) =>
        new(10L * rows * width, sizeof(float) * ((into == Into.Add ? 4L : 3L) * rows * width + 3L * width + rows));

    protected abstract void ForwardCore(Tensor x, Tensor weight, float epsilon, Tensor y, Tensor invRms);
    protected abstract void BackwardCore(Tensor dy, Tensor x, Tensor weight, Tensor invRms, Into into, Tensor dx, Tensor dWeight);
}
