using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Batching;

/// <summary>Chooses what of a rationale file is trained.</summary>
public static class TrainingSelection
{
    /// <summary>Rows as training examples, in file order. Rows without a usable rationale still train their label; only rows of status
    /// <c>ok</c> train a rationale or lend the teacher's label.</summary>
    /// <exception cref="InvalidDataException">A row lacks a field that the task's segments need, its label is none of the task's, or nothing
    /// is left to train on.</exception>
    public static List<TrainingExample> Select(IReadOnlyList<RationaleRow> rows, TaskDefinition task, LabelSource source,
        MismatchRule onMismatch, out SelectionReport report)
    {
        var metric = Metric.Named(task.Metric);
        var examples = new List<TrainingExample>(rows.Count);
        int withRationale = 0, mismatched = 0, dropped = 0, withoutLabel = 0;
        foreach (var row in rows)
        {
            if (IsMismatch(row, metric, task))
            {
                mismatched++;
                if (onMismatch == MismatchRule.Drop)
                {
                    dropped++;
                    continue;
                }
            }
            string? label = ChooseLabel(row, source);
            if (label is null)
            {
                withoutLabel++;
                continue;
            }
            // Only a teacher's label beside a gold one was not looked at when the row was read.
            if (TaskRowCheck.LabelFault(label, task) is { } fault)
                throw new InvalidDataException($"row {row.Id}: teacher_label: {fault} Give --on-mismatch drop to leave such rows out.");
            string[] rationales = [.. row.TrainableRationales()];
            if (rationales.Length > 0) withRationale++;
            examples.Add(new(row.Id, Segments(row, task), label, rationales, (float)row.Weight));
        }
        report = new(rows.Count, examples.Count, withRationale, mismatched, dropped, withoutLabel);
        return examples.Count > 0
            ? examples
            : throw new InvalidDataException($"No row is left to train on. {report} Choose another --label-source or --on-mismatch, "
                + "or see 'distill data stats'.");
    }

    /// <summary>Whether the teacher gave a label that is wrong by the task's metric.</summary>
    public static bool IsMismatch(RationaleRow row, Metric metric, TaskDefinition task) =>
        row is { Status: RationaleStatus.Ok, Label: not null, TeacherLabel: not null }
        && metric.Score(row.TeacherLabel, row.Label, Choices(row, task)) != 1;

    /// <summary>The row's possible labels, or null where the task has no choices or the row does not hold them.</summary>
    public static IReadOnlyList<string>? Choices(RationaleRow row, TaskDefinition task) =>
        task.Labels.From is { } from && row.Field(from) is { } stored ? FieldValue.FromStored(stored).Items : null;

    /// <summary>The parts of a row's input: one, unless the task has segments.</summary>
    /// <exception cref="InvalidDataException">The row lacks a field that the segments need.</exception>
    public static IReadOnlyList<string> Segments(RationaleRow row, TaskDefinition task)
    {
        if (task.Student.Segments is not { } templates) return [row.Input];
        var values = new Dictionary<string, FieldValue>(StringComparer.Ordinal);
        foreach (var (name, value) in row.Fields) values[name] = FieldValue.FromStored(value);
        try
        {
            return [.. templates.Select(template => template.Render(values))];
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"row {row.Id}: fields: {e.Message} Task '{task.Name}' joins its segments "
                + "from the row's fields.");
        }
    }

    static string? ChooseLabel(RationaleRow row, LabelSource source)
    {
        string? teacher = row.Status == RationaleStatus.Ok ? row.TeacherLabel : null;
        return source switch
        {
            LabelSource.Gold => row.Label,
            LabelSource.Teacher => teacher,
            _ => row.Label ?? teacher,
        };
    }
}
