namespace DistillEngine.Data.Batching;

/// <summary>How the student is trained; written as <c>step-by-step</c>, <c>standard</c>.</summary>
public enum TrainingMethod
{
    /// <summary>Two tasks, told apart by prefixes: predict the label, explain it.</summary>
    StepByStep,

    /// <summary>The plain input to the label; no prefix, no rationale.</summary>
    Standard,
}
