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
/// <param name="LearningRate">The schedule's rate, at least 0, finite; ignored where <paramref name="RelativeStep"/> is set (HuggingFace).</param>
/// <param name="DecayRate">Exponent c of β₂ = 1 − k^−c, above 0; 0.8 in all references' defaults.</param>
/// <param name="Epsilon1">Added to squared gradients (HuggingFace, Optax: 1e-30) or a floor of the estimates (Torch).</param>
/// <param name="Epsilon2">Least parameter scale, 1e-3.</param>
/// <param name="ClipThreshold">Greatest root mean square of the update before the rate, 1; 0 clips nothing (optax's None).</param>
/// <param name="Beta1">Decay of the first moment; 0 keeps none.</param>
/// <param name="WeightDecay">Subtracts from p: decay · scaled rate · p (HuggingFace), decay · p (Optax), decay · LearningRate · p (Torch).</param>
/// <param name="ScaleParameter">Multiplies the rate by max(ε₂, RMS(p)), p before the step; torch always does.</param>
/// <param name="RelativeStep">Rate min(1e-2, 1/√k) (HuggingFace).</param>
/// <param name="WarmupInit">Rate min(1e-6·k, 1/√k); needs <paramref name="RelativeStep"/>.</param>
/// <param name="Clip">Greatest global norm, finite; 0 clips nothing.</param>
public readonly record struct AdafactorStep(AdafactorDialect Dialect, long Step, double LearningRate, double DecayRate, double Epsilon1,
    double Epsilon2, double ClipThreshold, double Beta1, double WeightDecay, bool ScaleParameter, bool RelativeStep, bool WarmupInit, float Clip)
{
    /// <summary>1 − β₂ of this step: k^−c, 1 at step 1.</summary>
    public double OneMinusBeta2 => Math.Pow(Step, -DecayRate);

    /// <summary>Whether the rate depends on the parameter's own size.</summary>
    public bool NeedsValueRms => ScaleParameter || Dialect == AdafactorDialect.Torch;

    /// <summary>The rate before a parameter's scale.</summary>
    public double Rate => Dialect switch
    {
        AdafactorDialect.HuggingFace when RelativeStep => Math.Min(WarmupInit ? 1e-6 * Step : 1e-2, 1 / Math.Sqrt(Step)),
        AdafactorDialect.Torch => Math.Min(LearningRate, 1 / Math.Sqrt(Step)),
        _ => LearningRate,
    };

    /// <summary>The rate of one parameter.</summary>
    /// <param name="valueRms">Root mean square of the parameter before the step; unused unless <see cref="NeedsValueRms"/>.</param>
    public double ScaledRate(double valueRms) => NeedsValueRms ? Rate * Math.Max(Epsilon2, valueRms) : Rate;

    /// <summary>The share of the parameter that weight decay takes.</summary>
    public double Decay(double scaledRate) => Dialect switch
    {
        AdafactorDialect.HuggingFace => WeightDecay * scaledRate,
        AdafactorDialect.Optax => WeightDecay,
        _ => WeightDecay * LearningRate,
    };
}
