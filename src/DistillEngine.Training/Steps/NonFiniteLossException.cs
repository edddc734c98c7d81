namespace DistillEngine.Training;

/// <summary>Training has diverged: losses or gradients stayed infinite or NaN.</summary>
public sealed class NonFiniteLossException(long step, int steps, IReadOnlyCollection<string> tensors) : Exception(
    $"Step {step}: loss or gradient norm was no finite number for {steps} steps in a row"
    + (tensors.Count == 0 ? "." : $"; gradients of {string.Join(", ", tensors.Take(5))}{(tensors.Count > 5 ? $" and {tensors.Count - 5} more" : "")}.")
    + " Lower --lr, raise --warmup or set --clip 1, and train into another --output: a checkpoint goes on only with the options it began with.");
