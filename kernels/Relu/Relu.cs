using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>y = max(x, 0).</summary>
/// <remarks>Source: T5 v1.0 feed-forward, Hugging Face modeling_t5.T5DenseActDense. The gradient at 0 is 0, as in torch.</remarks>
public abstract class Relu
{
    /// <param name="x">float32 [rows, width].</param>
    /// <param name="y">float32 [rows, width]; overwritten; may be x.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Tensor y)
    {
        Check.Shape(x, new(x.Shape.D0, x.Shape.D1), "relu.forward");
        Check.Shape(y, x.Shape, "relu.forward");
        using var _ = Trace.Op("relu.forward", ForwardCost(x.Count));
        ForwardCore(x, y);
    }

    /// <summary>dx = dy where y &gt; 0, else 0.</summary>
    /// <param name="dy">float32 [rows, width].</param>
    /// <param name="y">float32 [rows, width]: the output, or the output after dropout (dropped elements get 0 either way).</param>
    /// <param name="dx">float32 [rows, width]; overwritten; may be dy.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor y, Tensor dx)
    {
        Check.Shape(dy, y.Shape, "relu.backward");
        Check.Shape(dx, y.Shape, "relu.backward");
        using var _ = Trace.Op("relu.backward", BackwardCost(y.Count));
        BackwardCore(dy, y, dx);
    }

    public static Cost ForwardCost(long count) => new(count, 2 * sizeof(float) * count);
    public static Cost BackwardCost(long count) => new(count, 3 * sizeof(float) * count);

    protected abstract void ForwardCore(Tensor x, Tensor y);
    protected abstract void BackwardCore(Tensor dy, Tensor y, Tensor dx);
}
