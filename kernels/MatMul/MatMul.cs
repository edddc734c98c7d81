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
        using var _ = Trace.Op("matmul.forward", ForwardCost(rows, w.Inputs, w.Outputs, into));
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
        using (Trace.Op("matmul.backward.input", ForwardCost(rows, w.Outputs, w.Inputs, into)))
            BackwardInputCore(dy, w, into, dx);
        using (Trace.Op("matmul.backward.weight", BackwardWeightCost(rows, w.Inputs, w.Outputs)))
            BackwardWeightCore(dy, x, dWeight);
    }

    /// <summary>One product; also that of the gradient by x, where inputs and outputs change places. A result that is added to is read, too.</summary>
    public static Cost ForwardCost(int rows, int inputs, int outputs, Into into = Into.Overwrite)
    {
        long results = (into == Into.Add ? 2L : 1L) * rows * outputs;
        return new(2L * rows * inputs * outputs, sizeof(float) * ((long)rows * inputs + (long)inputs * outputs + results));
    }

    /// <summary>dWeight is read and written.</summary>
    public static Cost BackwardWeightCost(int rows, int inputs, int outputs) =>
        new(2L * rows * inputs * outputs, sizeof(float) * ((long)rows * inputs + 2L * inputs * outputs + (long)rows * outputs));

    /// <summary>Both gradients.</summary>
    public static Cost BackwardCost(int rows, int inputs, int outputs, Into into = Into.Overwrite)
    {
        Cost input = ForwardCost(rows, outputs, inputs, into), weight = BackwardWeightCost(rows, inputs, outputs);
        return new(input.Flops + weight.Flops, input.Bytes + weight.Bytes);
    }

    protected abstract void ForwardCore(Tensor x, Weight w, Into into, Tensor y);
    protected abstract void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx);
    protected abstract void BackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight);
}
