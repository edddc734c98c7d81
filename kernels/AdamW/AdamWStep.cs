namespace DistillEngine.Kernels;

/// <summary>Where epsilon and the weight decay stand.</summary>
public enum AdamWForm : byte
{
    /// <summary>torch.optim.AdamW: decay first; epsilon added after bias correction.</summary>
    Torch,

    /// <summary>transformers.optimization.AdamW (removed in 5.0; the published Distilling Step-by-Step ran it): epsilon added to √v before
    /// bias correction; decay after the update.</summary>
    HuggingFace,
}

/// <summary>Numbers of one AdamW step.</summary>
/// <param name="Step">From 1.</param>
/// <param name="LearningRate">At least 0, finite.</param>
/// <param name="Beta1">0 … below 1.</param>
/// <param name="Beta2">0 … below 1.</param>
/// <param name="Clip">Greatest global norm, finite; 0 clips nothing.</param>
public readonly record struct AdamWStep(AdamWForm Form, long Step, double LearningRate, double Beta1, double Beta2, double Epsilon,
    double WeightDecay, float Clip);
