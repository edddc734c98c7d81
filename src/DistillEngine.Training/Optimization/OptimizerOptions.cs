namespace DistillEngine.Training;

/// <summary>Choices of an optimizer. What is null takes the default of the optimizer named; what an optimizer lacks must be null.</summary>
public sealed record OptimizerOptions
{
    /// <summary>One of <see cref="Optimizers.Names"/>.</summary>
    public string Name { get; init; } = "adamw";

    /// <summary>The schedule's greatest rate. Null only for Hugging Face's Adafactor with a relative step, which refuses one.</summary>
    public double? LearningRate { get; init; }

    /// <summary>At least 0; applied as each optimizer does.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Whether norms and relative-bias tables decay too. Hugging Face's trainers exempt them.</summary>
    public bool DecayNorms { get; init; }

    /// <summary>Decay of the first moment, 0 … below 1. AdamW: 0.9. Adafactor (not torch's): none.</summary>
    public double? Beta1 { get; init; }

    /// <summary>AdamW: decay of the second moment, 0 … below 1; 0.999.</summary>
    public double? Beta2 { get; init; }

    /// <summary>AdamW: above 0; 1e-8.</summary>
    public double? Epsilon { get; init; }

    /// <summary>Adafactor: above 0. Added to squared gradients, 1e-30; torch: floor of the estimates, float32's epsilon 2⁻²³ (torch's own
    /// default follows the element type).</summary>
    public double? Epsilon1 { get; init; }

    /// <summary>Adafactor: least parameter scale, at least 0; 1e-3. Optax has it fixed.</summary>
    public double? Epsilon2 { get; init; }

    /// <summary>Adafactor: greatest root mean square of an update before the rate; 1. Optax: 0 clips nothing; torch: at least 1.</summary>
    public double? ClipThreshold { get; init; }

    /// <summary>Adafactor: exponent c of β₂ = 1 − k^−c, above 0; 0.8.</summary>
    public double? DecayRate { get; init; }

    /// <summary>Adafactor: multiplies the rate by the parameter's root mean square. Optax: true. Torch: always. Hugging Face: true with a
    /// relative step, false with a learning rate, as its trainer sets it.</summary>
    public bool? ScaleParameter { get; init; }

    /// <summary>Hugging Face's Adafactor: rate min(1e-2, 1/√k). True exactly where there is no learning rate.</summary>
    public bool? RelativeStep { get; init; }

    /// <summary>Hugging Face's Adafactor with a relative step: rate min(1e-6·k, 1/√k); false.</summary>
    public bool? WarmupInit { get; init; }
}
