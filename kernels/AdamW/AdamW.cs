using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Adam with decoupled weight decay, one pass over memory. With g the clipped gradient: m = β₁m + (1−β₁)g, v = β₂v + (1−β₂)g².
/// Torch: p −= lr·wd·p, then p −= lr · m/(1−β₁ᵏ) / (√(v/(1−β₂ᵏ)) + ε).
/// HuggingFace: p −= lr·√(1−β₂ᵏ)/(1−β₁ᵏ) · m/(√v + ε), then p −= lr·wd·p.
/// </summary>
/// <remarks>Source: arXiv:1711.05101; torch.optim.AdamW; transformers 4 optimization.AdamW.</remarks>
public abstract class AdamW
{
    /// <param name="gradients">float32 [rows, width].</param>
    /// <param name="gradientNorm">float32 [1]: global norm before clipping.</param>
    /// <param name="values">float32 [rows, width]; updated.</param>
    /// <param name="m">float32 [rows, width]; updated; 0 before step 1.</param>
    /// <param name="v">float32 [rows, width]; updated; 0 before step 1.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or a number of the step leaves its range.</exception>
    public void Update(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor m, Tensor v)
    {
        Check.Shape(gradients, new(values.Shape.D0, values.Shape.D1), "adamw.update");
        Check.Shape(gradientNorm, new(1), "adamw.update");
        Check.Shape(m, gradients.Shape, "adamw.update");
        Check.Shape(v, gradients.Shape, "adamw.update");
        Check.That(step.Step >= 1, "adamw.update", "a step number from 1");
        Check.AtLeastZero(step.LearningRate, "adamw.update", "learning rate");
        Check.AtLeastZero(step.Clip, "adamw.update", "clip");
        using var _ = Trace.Op("adamw.update", UpdateCost(values.Count));
        UpdateCore(gradients, gradientNorm, step, values, m, v);
    }

    /// <summary>Gradient, value and moments read; value and moments written.</summary>
    public static Cost UpdateCost(long count) => new(15 * count, 7 * sizeof(float) * count);

    protected abstract void UpdateCore(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor m, Tensor v);
}
