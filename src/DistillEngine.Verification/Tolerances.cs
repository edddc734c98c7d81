namespace DistillEngine.Verification;

/// <summary>How closely float32 must follow the references: the table in the goldens' README, and what follows from it.</summary>
static class Tolerances
{
    /// <summary>Multiple of the reference's own float32 error that is allowed.</summary>
    const double ReferenceErrors = 4;

    /// <summary>Loss of a forward pass, relative.</summary>
    public const double Loss = 1e-6;

    /// <summary>Loss of training steps, relative.</summary>
    public const double TrainingLoss = 2e-6;

    /// <summary>Gradient norm of training steps, relative.</summary>
    public const double GradientNorm = 2e-5;

    /// <summary>Schedules are computed in double on both sides; relative.</summary>
    public const double LearningRate = 1e-12;

    /// <summary>A gradient whose truth is all zero, of the global gradient norm.</summary>
    public const double ZeroGradient = 1e-7;

    /// <summary>Parameters after an optimizer's raw steps, of the tensor's norm.</summary>
    public const double OptimizerParameters = 5e-7;

    /// <summary>Losses of the published runs, relative.</summary>
    public const double PublishedLoss = 1e-6;

    /// <summary>Against the norm that torch summed in float32, relative.</summary>
    public const double PublishedNorm = 3e-4;

    /// <summary>Against the root of the squared norms of the parameters, summed in double; relative.</summary>
    public const double PublishedExactNorm = 2e-5;

    /// <summary>Gradients of step 1, of the tensor's largest.</summary>
    public const double PublishedGradient = 5e-6;

    /// <summary>Parameters, of the tensor's norm.</summary>
    public const double PublishedParameters = 1e-6;

    /// <summary>Parameters, of the norm of their change since the start.</summary>
    public const double PublishedChange = 1e-3;

    /// <summary>Single weights, of the largest: where a gradient nearly vanishes, Adam turns rounding into a visible part of a
    /// step.</summary>
    public const double PublishedSample = 2e-5;

    /// <summary>First moments, relative: where a step is clipped they follow <see cref="PublishedNorm"/>.</summary>
    public const double PublishedFirstMoment = PublishedNorm;

    /// <summary>Second moments, relative: squares of what the first moments are means of.</summary>
    public const double PublishedSecondMoment = 2 * PublishedNorm;

    /// <summary>From the first position where two logits lie closer than this, generated ids may differ.</summary>
    public const double PublishedMargin = 1e-5;

    /// <summary>Hidden states, logits and token losses, of the largest magnitude.</summary>
    public static double Activations(double referenceError) => Math.Max(ReferenceErrors * referenceError, 2e-6);

    /// <summary>Gradients, of the tensor's norm.</summary>
    public static double Gradients(double referenceError) => Math.Max(ReferenceErrors * referenceError, 5e-6);

    /// <summary>Parameters after a training step, of the tensor's norm.</summary>
    public static double Parameters(double referenceError) => Math.Max(ReferenceErrors * referenceError, 3e-7);
}
