using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Training;

/// <summary>A labelled input.</summary>
/// <param name="Segments">Parts of the input, without prefix.</param>
/// <param name="Choices">The possible labels, where the row has such.</param>
public sealed record EvaluationExample(string Id, IReadOnlyList<string> Segments, string Label, IReadOnlyList<string>? Choices)
{
    /// <summary>Rows with a gold label; null otherwise: without gold nothing can be measured.</summary>
    public static EvaluationExample? Of(RationaleRow row, TaskDefinition task) =>
        row.Label is null ? null : new(row.Id, TrainingSelection.Segments(row, task), row.Label, TrainingSelection.Choices(row, task));
}
