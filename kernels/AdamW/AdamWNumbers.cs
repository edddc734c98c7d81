namespace DistillEngine.Kernels;

/// <summary>The constants of one <see cref="AdamW"/> step, for every device: computed in double and rounded once, as the references' scalars are.
/// With them u = Rate · m / (√v · RootScale + Epsilon), p −= DecayBefore · p + DecayAfter · (p − u) + u.</summary>
/// <param name="DecayBefore">Torch's share of p that decays before the update; else 0.</param>
/// <param name="DecayAfter">HuggingFace's share that decays after it; else 0.</param>
public readonly record struct AdamWNumbers(float Beta1, float OneMinusBeta1, float Beta2, float OneMinusBeta2, float RootScale, float Epsilon, float Rate,
    float DecayBefore, float DecayAfter)
{
    public static AdamWNumbers Of(in AdamWStep step)
    {
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step), correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        float decay = (float)(step.LearningRate * step.WeightDecay);
        bool torch = step.Form == AdamWForm.Torch;
        return new(
            Beta1: (float)step.Beta1,
            OneMinusBeta1: (float)(1 - step.Beta1),
            Beta2: (float)step.Beta2,
            OneMinusBeta2: (float)(1 - step.Beta2),
            RootScale: torch ? (float)(1 / Math.Sqrt(correction2)) : 1,
            Epsilon: (float)step.Epsilon,
            Rate: (float)(torch ? step.LearningRate / correction1 : step.LearningRate * Math.Sqrt(correction2) / correction1),
            DecayBefore: torch ? decay : 0,
            DecayAfter: torch ? 0 : decay);
    }
}
