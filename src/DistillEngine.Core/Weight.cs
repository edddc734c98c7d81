namespace DistillEngine.Core;

/// <summary>The right operand of a product: the fp32 master values of a linear map, float32 [outputs, inputs] row-major as in
/// checkpoints. Products take this rather than a tensor, so that prepared forms (packed, low precision) change no sub-layer.</summary>
public sealed class Weight(Tensor value)
{
    /// <summary>Master values, float32 [outputs, inputs].</summary>
    public Tensor Value { get; } = value;

    public int Outputs => Value.Shape.D0;

    public int Inputs => Value.Shape.D1;
}
