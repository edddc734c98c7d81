namespace DistillEngine.Core;

/// <summary>The right operand of a product: a linear map [outputs, inputs], either as its float32 master values, row-major as in
/// checkpoints, or packed in a low form. Products take this rather than a tensor, so that prepared forms change no sub-layer.</summary>
public sealed class Weight
{
    readonly Tensor _value;

    /// <param name="value">Master values, float32 [outputs, inputs].</param>
    public Weight(Tensor value) => (_value, Outputs, Inputs, Name) = (value, value.Shape.D0, value.Shape.D1, value.Name);

    /// <param name="packed">The only copy of the map.</param>
    public Weight(PackedWeight packed) => (Packed, Outputs, Inputs, Name) = (packed, packed.Outputs, packed.Inputs, packed.Data.Name);

    public string Name { get; }

    public int Outputs { get; }

    public int Inputs { get; }

    /// <summary>The map in a low form; null where it is held in float32.</summary>
    public PackedWeight? Packed { get; }

    public WeightForm Form => Packed?.Form ?? WeightForm.F32;

    /// <summary>Whether products' greatest results can be computed anew with more bits.</summary>
    public bool HasRemainders => Packed is { Remainders.IsAbsent: false };

    /// <summary>Bytes that a product reads.</summary>
    public long ByteLength => Packed?.ByteLength ?? sizeof(float) * (long)Outputs * Inputs;

    /// <summary>Master values, float32 [outputs, inputs].</summary>
    /// <exception cref="InvalidOperationException">Only a low form is held.</exception>
    public Tensor Value => Packed is null ? _value
        : throw new InvalidOperationException($"'{Name}' is held as {Form.Name()} alone; open the model with "
            + $"{nameof(WeightForm)}.{nameof(WeightForm.F32)} for this.");
}
