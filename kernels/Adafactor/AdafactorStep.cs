namespace DistillEngine.Kernels;

/// <summary>Three algorithms share the name; they differ in what is factored, where ε₁ and the decay stand and how the rate is scaled.</summary>
public enum AdafactorDialect : byte
{
    /// <summary>transformers.Adafactor (fairseq's).</summary>
    HuggingFace,

    /// <summary>optax.adafactor (T5X's).</summary>
    Optax,

    /// <summary>torch.optim.Adafactor.</summary>
    Torch,
}

/// <summary>Numbers of one Adafactor step.</summary>
/// <param name="Step">From 1.</param>
/// <param name="LearningRate">The schedule's rate, at least 0; ignored where <paramref name="RelativeStep"/> is set (HuggingFace).</param>
/// <param name="DecayRate">Exponent c of β₂ = 1 − k^−c, above 0; 0.8 in all references' defaults.</param>
/// <param name="Epsilon1">Added to squared gradients (HuggingFace, Optax: 1e-30) or a floor of the estimates (Torch).</param>
/// <param name="Epsilon2">Least parameter scale, 1e-3.</param>
/// <param name="ClipThreshold">Greatest root mean square of the update before the rate, 1.</param>
/// <param name="Beta1">Decay of the first moment; 0 keeps none.</param>
/// <param name="WeightDecay">As each dialect applies it.</param>
/// <param name="ScaleParameter">Multiplies the rate by max(ε₂, RMS(p)).</param>
/// <param name="RelativeStep">Rate min(1e-2, 1/√k) (HuggingFace).</param>
/// <param name="WarmupInit">Rate min(1e-6·k, 1/√k); needs <paramref name="RelativeStep"/>.</param>
/// <param name="Clip">Greatest global norm; 0 clips nothing.</param>
public readonly record struct AdafactorStep(AdafactorDialect Dialect, long Step, double LearningRate, double DecayRate, double Epsilon1,
    double Epsilon2, double ClipThreshold, double Beta1, double WeightDecay, bool ScaleParameter, bool RelativeStep, bool WarmupInit, float Clip);
