using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>y = gelu(gate) · up with gelu(x) = ½x(1 + tanh(√(2/π)(x + 0.044715x³))).</summary>
/// <remarks>Source: arXiv:2002.05202 GEGLU; Hugging Face activations.NewGELUActivation ("gelu_new"), T5DenseGatedActDense.</remarks>
public abstract class GatedGelu
{
    /// <param name="gate">float32 [rows, width]: x · wi_0ᵀ, the activated branch.</param>
    /// <param name="up">float32 [rows, width]: x · wi_1ᵀ.</param>
    /// <param name="y">float32 [rows, width]; overwritten; may be gate or up.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor gate, Tensor up, Tensor y)
    {
        Check.Shape(gate, new(gate.Shape.D0, gate.Shape.D1), "gated_gelu.forward");
        Check.Shape(up, gate.Shape, "gated_gelu.forward");
        Check.Shape(y, gate.Shape, "gated_gelu.forward");
        using var _ = Trace.Op("gated_gelu.forward", ForwardCost(gate.Count));
        ForwardCore(gate, up, y);
    }

    /// <summary>dGate = dy · up · gelu′(gate), dUp = dy · gelu(gate), and y once more, so that nothing has to keep it until here.</summary>
    /// <param name="dGate">float32 [rows, width]; overwritten; may be dy or gate.</param>
    /// <param name="dUp">float32 [rows, width]; overwritten; may be dy or up, but not dGate.</param>
    /// <param name="y">float32 [rows, width]: the bits that Forward gives; overwritten; may be an input that no other result takes.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor dy, Tensor gate, Tensor up, Tensor dGate, Tensor dUp, Tensor y)
    {
        Check.Shape(dy, gate.Shape, "gated_gelu.backward");
        Check.Shape(up, gate.Shape, "gated_gelu.backward");
        Check.Shape(dGate, gate.Shape, "gated_gelu.backward");
        Check.Shape(dUp, gate.Shape, "gated_gelu.backward");
        Check.Shape(y, gate.Shape, "gated_gelu.backward");
        using var _ = Trace.Op("gated_gelu.backward", BackwardCost(gate.Count));
        BackwardCore(dy, gate, up, dGate, dUp, y);
    }

    public static Cost ForwardCost(long count) => new(12 * count, 3 * sizeof(float) * count);
    public static Cost BackwardCost(long count) => new(25 * count, 6 * sizeof(float) * count);

    protected abstract void ForwardCore(Tensor gate, Tensor up, Tensor y);
    protected abstract void BackwardCore(Tensor dy, Tensor gate, Tensor up, Tensor dGate, Tensor dUp, Tensor y);
}
