using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Linear map without bias: y = x Wᵀ.</summary>
/// <remarks>Source: torch.nn.functional.linear; weights lie [outputs, inputs] as in checkpoints. Sums accumulate in float32.</remarks>
public abstract class MatMul
{
    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="w">float32 [outputs, inputs].</param>
    /// <param name="into">Overwrite, or Add for a residual stream.</param>
    /// <param name="y">float32 [rows, outputs]; may not overlap x.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Weight w, Into into, Tensor y)
    {
        int rows = x.Shape.D0;
        Check.Shape(x, new(rows, w.Inputs), "matmul.forward");
        Check.Shape(y, new(rows, w.Outputs), "matmul.forward");
        using var _ = Trace.Op("matmul.forward", ForwardCost(rows, w.Inputs, w.Outputs));
        ForwardCore(x, w, into, y);
    }

    /// <summary>dx = dy W and dWeight += dyᵀ x.</summary>
    /// <param name="dy">float32 [rows, outputs].</param>
    /// <param name="x">float32 [rows, inputs], as given to Forward.</param>
    /// <param name="into">For dx only; dWeight always accumulates.</param>
    /// <param name="dx">float32 [rows, inputs]; may not overlap dy or x.</param>
    /// <param name="dWeight">float32 [outputs, inputs].</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor x, Weight w, Into into, Tensor dx, Tensor dWeight)
    {
        int rows = x.Shape.D0;
        Check.Shape(dy, new(rows, w.Outputs), "matmul.backward");
        Check.Shape(x, new(rows, w.Inputs), "matmul.backward");
        Check.Shape(dx, x.Shape, "matmul.backward");
        Check.Shape(dWeight, w.Value.Shape, "matmul.backward");
        using (Trace.Op("matmul.backward.input", ForwardCost(rows, w.Outputs, w.Inputs)))
            BackwardInputCore(dy, w, into, dx);
        using (Trace.Op("matmul.backward.weight", ForwardCost(rows, w.Inputs, w.Outputs)))
            BackwardWeightCore(dy, x, dWeight);
    }

    public static Cost ForwardCost(int rows, int inputs, int outputs) =>
        new(2L * rows * inputs * outputs, sizeof(float) * ((long)rows * inputs + (long)inputs * outputs + (long)rows * outputs));

    protected abstract void ForwardCore(Tensor x, Weight w, Into into, Tensor y);
    protected abstract void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx);
    protected abstract void BackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight);
}
