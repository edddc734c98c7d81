namespace DistillEngine.Core;

/// <summary>Number of a parameter within its list.</summary>
public readonly record struct ParameterId(int Index);

/// <summary>How a parameter starts when a model is trained from scratch.</summary>
public enum Initializer : byte
{
    Normal,
    Ones,
}

/// <summary>What is known about one parameter before it has memory.</summary>
/// <param name="Name">Hugging Face checkpoint name.</param>
/// <param name="Shape">[outputs, inputs] for linear maps, [width] for norms.</param>
/// <param name="StandardDeviation">Of <see cref="Initializer.Normal"/>.</param>
/// <param name="Use">How the model reads it.</param>
public sealed record ParameterSpec(string Name, Shape Shape, Initializer Initializer, float StandardDeviation, ParameterUse Use = ParameterUse.Direct)
{
    /// <summary>Whether the checkpoint holds one dimension (norms) rather than two, whatever the extents: Adafactor factors by rank.</summary>
    public bool IsVector => Initializer == Initializer.Ones;
}
