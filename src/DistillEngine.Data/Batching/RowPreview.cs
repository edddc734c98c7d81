using DistillEngine.Core;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Data.Batching;

/// <summary>Exactly what the student reads and writes for one row, in both tasks.</summary>
/// <param name="PredictTexts">Source of the predict task; several where segments are joined by <c>&lt;/s&gt;</c>.</param>
/// <param name="Label">Gold label, or the teacher's where there is no gold.</param>
/// <param name="Rationale">Null where the row trains none; then the explain task has no ids.</param>
public sealed record RowPreview(
    string Id, IReadOnlyList<string> PredictTexts, int[] PredictIds, IReadOnlyList<string> ExplainTexts, int[] ExplainIds,
    string? Label, int[] LabelIds, string? Rationale, int[] RationaleIds, bool IsCut)
{
    public static RowPreview Of(RationaleRow row, TaskDefinition task, ITokenizer tokenizer)
    {
        var encoder = new TaskEncoder(task.Student, tokenizer, TrainingMethod.StepByStep);
        var segments = TrainingSelection.Segments(row, task);
        string? label = row.Label ?? row.TeacherLabel;
        string? rationale = row.TrainableRationales().FirstOrDefault();
        List<int> predict = [], explain = [], labelIds = [], rationaleIds = [];
        encoder.EncodeInput(segments, TaskKind.Label, predict);
        if (label is not null) encoder.EncodeLabel(label, labelIds);
        if (rationale is not null)
        {
            encoder.EncodeInput(segments, TaskKind.Rationale, explain);
            encoder.EncodeRationale(rationale, rationaleIds);
        }
        bool isCut = encoder.Cuts.Length > 0;
        return new(row.Id,
            encoder.InputTexts(segments, TaskKind.Label), [.. predict], encoder.InputTexts(segments, TaskKind.Rationale), [.. explain],
            label, [.. labelIds], rationale, [.. rationaleIds], isCut);
    }
}
