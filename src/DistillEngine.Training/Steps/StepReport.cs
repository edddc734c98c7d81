namespace DistillEngine.Training;

/// <summary>What one optimizer step did.</summary>
/// <param name="Step">From 1.</param>
/// <param name="Loss">alpha · LabelLoss + (1 − alpha) · RationaleLoss, nats per token.</param>
/// <param name="LabelLoss">Mean over counted label tokens.</param>
/// <param name="RationaleLoss">Mean over counted rationale tokens; NaN where the step has none.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="LearningRate">The schedule's; null where the optimizer sets its own (Adafactor's relative step).</param>
/// <param name="Tokens">Source and target tokens.</param>
/// <param name="IsSkipped">Whether loss or norm was no number, so that nothing was updated.</param>
public readonly record struct StepReport(long Step, double Loss, double LabelLoss, double RationaleLoss, float GradientNorm, double? LearningRate,
    int Tokens, bool IsSkipped);
