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
        if (task.Labels.Set is { } set && row.Label is { } label && !set.Contains(label))
            yield return ("label", $"is {DataError.Quote(label)} (expected one of {string.Join(", ", set)}, the labels of task '{task.Name}').");
    }
}
