using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Rationales;

/// <summary>Whether a row has what a task needs of it.</summary>
static class TaskRowCheck
{
    public static IEnumerable<(string Field, string Problem)> Faults(RationaleRow row, TaskDefinition task)
    {
        var needed = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var segment in task.Student.Segments ?? [])
        {
            needed.UnionWith(segment.Variables);
            needed.UnionWith(segment.Lists);
        }
        if (task is { Metric: "choice", Labels.From: { } choices }) needed.Add(choices);
        foreach (string name in needed)
        {
            if (row.Field(name) is null)
                yield return ("fields", $"lacks '{name}' (expected it: task '{task.Name}' builds inputs or choices from it; import the rows again).");
        }
        if (LabelFault(row.Label, task) is { } fault) yield return ("label", fault);
        // Beside a gold label the teacher's may be wrong in any way; alone it is what the row trains.
        if (row is { Status: RationaleStatus.Ok, Label: null } && LabelFault(row.TeacherLabel, task) is { } teachers) yield return ("teacher_label", teachers);
    }

    /// <summary>What is wrong with a label that is trained or measured by, or null.</summary>
    public static string? LabelFault(string? label, TaskDefinition task)
    {
        if (label is null) return null;
        if (string.IsNullOrWhiteSpace(label)) return "is blank (expected a label, or null where there is none).";
        return task.Labels.Set is { } set && !set.Contains(label)
            ? $"is {DataError.Quote(label)} (expected one of {string.Join(", ", set)}, the labels of task '{task.Name}')."
            : null;
    }
}
