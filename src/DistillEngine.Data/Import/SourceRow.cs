using System.Text.Json;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Import;

/// <summary>One original row, rendered by the task's templates.</summary>
public sealed record SourceRow
{
    /// <summary>Value of the id column, or null where the task has none.</summary>
    public required string? Key { get; init; }

    /// <summary>What the student reads, without prefix.</summary>
    public required string Input { get; init; }

    /// <summary>Gold label in the student's form; null only where rows without one are asked for.</summary>
    public required string? Label { get; init; }

    /// <summary>The row's possible labels where the task takes them from the row, else null.</summary>
    public required IReadOnlyList<string>? Choices { get; init; }

    /// <summary>Template variable → value, for further templates.</summary>
    public required IReadOnlyDictionary<string, FieldValue> Values { get; init; }

    /// <summary>The variables as text, in the task's order; lists as JSON arrays.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Fields { get; init; }

    /// <summary>A line that holds one JSON object.</summary>
    /// <param name="needsLabel">Whether a row without the columns of the gold label is an error.</param>
    /// <exception cref="InvalidDataException">The line is no JSON object, or lacks a column the task names.</exception>
    public static SourceRow Parse(string path, long line, ReadOnlyMemory<byte> json, TaskDefinition task, bool needsLabel = true)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return FromObject(path, line, document.RootElement, task, needsLabel);
        }
        catch (JsonException e)
        {
            throw DataError.At(path, line, "", $"not valid JSON: {LocatedJson.FirstSentence(e.Message)} "
                + "(expected one JSON object a line).");
        }
    }

    /// <summary>As <see cref="Parse"/>, for a JSON value that is already there.</summary>
    /// <exception cref="InvalidDataException">The value is no object, or lacks a column the task names.</exception>
    public static SourceRow FromObject(string path, long line, JsonElement row, TaskDefinition task, bool needsLabel = true)
    {
        if (row.ValueKind != JsonValueKind.Object) throw DataError.At(path, line, "", "is no JSON object (expected one for each row).");
        try
        {
            return Render(path, line, row, task, needsLabel);
        }
        catch (InvalidOperationException)
        {
            throw DataError.At(path, line, "", "a string is not valid Unicode (expected UTF-8 and whole characters).");
        }
    }

    static SourceRow Render(string path, long line, JsonElement row, TaskDefinition task, bool needsLabel)
    {
        var values = new Dictionary<string, FieldValue>(StringComparer.Ordinal);
        var fields = new List<KeyValuePair<string, string>>();
        bool hasLabel = true;
        foreach (var (variable, column) in task.Data.Fields)
        {
            if (!row.TryGetProperty(column, out var element) || element.ValueKind == JsonValueKind.Null)
            {
                if (needsLabel || !IsLabelOnly(task, variable))
                    throw DataError.At(path, line, column, $"is missing (expected the column that task '{task.Name}' names in "
                        + $"data.fields.{variable}).");
                hasLabel = false;
                continue;
            }
            var value = Read(path, line, column, element, task.Labels.Set);
            if (value.Items is null && IsList(task, variable)) value = FieldValue.FromStored(value.Text);
            values[variable] = value;
            fields.Add(new(variable, value.Text));
        }
        try
        {
            return new()
            {
                Key = ReadKey(path, line, row, task),
                Input = task.Student.Input.Render(values),
                Label = hasLabel ? Labelled(path, line, task, values) : null,
                Choices = task.Labels.From is { } from ? values[from].Items : null,
                Values = values,
                Fields = fields,
            };
        }
        catch (ArgumentException e)
        {
            throw DataError.At(path, line, "", $"does not fit the templates of task '{task.Name}': {e.Message}");
        }
    }

    /// <summary>Whether a variable serves the gold label alone, so that a row can be asked about without it.</summary>
    static bool IsLabelOnly(TaskDefinition task, string variable) =>
        task.Student.Label.Variables.Contains(variable) && !task.Student.Input.Variables.Contains(variable)
        && task.Student.Segments?.Any(s => s.Variables.Contains(variable)) != true && task.Teacher?.Query.Variables.Contains(variable) != true;

    /// <summary>Whether a variable must be a list; tables hold lists as JSON texts.</summary>
    static bool IsList(TaskDefinition task, string variable) => task.Labels.From == variable || task.Student.Input.Lists.Contains(variable);

    static string Labelled(string path, long line, TaskDefinition task, Dictionary<string, FieldValue> values)
    {
        string label = task.Student.Label.Render(values);
        if (task.Labels.Set is { } set && !set.Contains(label))
            throw DataError.At(path, line, "", $"the label is {DataError.Quote(label)} (expected one of {string.Join(", ", set)}).");
        return label;
    }

    static string? ReadKey(string path, long line, JsonElement row, TaskDefinition task)
    {
        if (task.Data.Id is not { } id) return null;
        if (!row.TryGetProperty(id, out var element))
            throw DataError.At(path, line, id, $"is missing (expected the column that task '{task.Name}' names in data.id).");
        return element.ValueKind is JsonValueKind.String or JsonValueKind.Number
            ? element.ToString()
            : throw DataError.At(path, line, id, "is neither a string nor a number (expected an id).");
    }

    static FieldValue Read(string path, long line, string column, JsonElement element, IReadOnlyList<string>? labels)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return new(element.GetString()!);
            case JsonValueKind.Number when labels is not null:
                // Classes are stored as numbers in the original data; the task lists their names in that order.
                return element.TryGetInt32(out int index) && index >= 0 && index < labels.Count
                    ? new(labels[index])
                    : throw DataError.At(path, line, column, $"is {element.GetRawText()} (expected a class from 0 to {labels.Count - 1}).");
            case JsonValueKind.Number:
                return new(element.GetRawText());
            case JsonValueKind.Array:
                var items = new List<string>();
                foreach (var item in element.EnumerateArray())
                {
                    if (item.ValueKind != JsonValueKind.String)
                        throw DataError.At(path, line, column, "holds something else than strings (expected an array of strings).");
                    items.Add(item.GetString()!);
                }
                return FieldValue.FromItems(items);
            default:
                throw DataError.At(path, line, column, "is neither text, number nor list (expected one of them).");
        }
    }
}
