using System.Text.Json;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Import;

/// <summary>One original row, rendered by the task's templates.</summary>
/// <param name="Key">Value of the id column, or null where the task has none.</param>
sealed record SourceRow(string? Key, string Input, string Label, IReadOnlyList<string>? Choices, IReadOnlyList<KeyValuePair<string,
    string>> Fields)
{
    /// <exception cref="InvalidDataException">The line is no JSON object, or lacks a column the task names.</exception>
    public static SourceRow Parse(string path, long line, ReadOnlyMemory<byte> json, TaskDefinition task)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw DataError.At(path, line, "", "is no JSON object (expected one a line).");
            return FromObject(path, line, document.RootElement, task);
        }
        catch (JsonException e)
        {
            throw DataError.At(path, line, "", $"not valid JSON: {LocatedJson.FirstSentence(e.Message)} "
                + "(expected one JSON object a line).");
        }
        catch (InvalidOperationException)
        {
            throw DataError.At(path, line, "", "a string is not valid Unicode (expected UTF-8 and whole characters).");
        }
    }

    static SourceRow FromObject(string path, long line, JsonElement row, TaskDefinition task)
    {
        var values = new Dictionary<string, FieldValue>(StringComparer.Ordinal);
        var fields = new List<KeyValuePair<string, string>>();
        foreach (var (variable, column) in task.Data.Fields)
        {
            if (!row.TryGetProperty(column, out var element))
                throw DataError.At(path, line, column, $"is missing (expected the column that task '{task.Name}' names in "
                    + $"data.fields.{variable}).");
            var value = Read(path, line, column, element, task.Labels.Set);
            values[variable] = value;
            fields.Add(new(variable, value.Text));
        }
        string? key = null;
        if (task.Data.Id is { } id)
        {
            if (!row.TryGetProperty(id, out var element))
                throw DataError.At(path, line, id, $"is missing (expected the column that task '{task.Name}' names in data.id).");
            key = element.ValueKind is JsonValueKind.String or JsonValueKind.Number
                ? element.ToString()
                : throw DataError.At(path, line, id, "is neither a string nor a number (expected an id).");
        }
        try
        {
            string label = task.Student.Label.Render(values);
            if (task.Labels.Set is { } set && !set.Contains(label))
                throw DataError.At(path, line, "", $"the label is {DataError.Quote(label)} (expected one of {string.Join(", ", set)}).");
            var choices = task.Labels.From is { } from ? values[from].Items : null;
            return new(key, task.Student.Input.Render(values), label, choices, fields);
        }
        catch (ArgumentException e)
        {
            throw DataError.At(path, line, "", $"does not fit the templates of task '{task.Name}': {e.Message}");
        }
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
