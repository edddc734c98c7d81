using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Cli.Verbs;

/// <summary>One input to answer.</summary>
/// <param name="Text">As it was given.</param>
/// <param name="Segments">Its parts as the task joins them.</param>
sealed record PredictInput(string Id, string Text, IReadOnlyList<string> Segments)
{
    /// <exception cref="UsageException">The task joins several fields, which one text cannot give.</exception>
    public static PredictInput OfText(string text, TaskDefinition task)
    {
        if (task.Student.Segments is not null)
            throw new UsageException($"Task '{task.Name}' joins several fields; give --input FILE.jsonl with lines such as {{\"fields\": "
                + $"{{\"premise\": \"…\", \"hypothesis\": \"…\"}}}}.");
        return new PredictInput("1", text, [text]);
    }

    /// <exception cref="InvalidDataException">path:line: what is wrong.</exception>
    public static List<PredictInput> ReadFile(string path, TaskDefinition task)
    {
        using var lines = new LineReader(path, "a file of inputs: a text or, in .jsonl, an object a line");
        string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        if (name.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException($"{path}: the name ends in .json (expected a text a line, or .jsonl with an object a line).");
        bool isJson = name.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);
        var inputs = new List<PredictInput>();
        while (lines.TryRead(out ReadOnlyMemory<byte> bytes))
        {
            if (!Utf8.IsValid(bytes.Span))
                throw new InvalidDataException($"{path}:{lines.Line}: the text is not UTF-8 (expected UTF-8; save the file in that encoding).");
            string line = Encoding.UTF8.GetString(bytes.Span).TrimEnd('\r');
            if (string.IsNullOrWhiteSpace(line))
            {
                // Answers stand in the order of the lines, and one that is left out would shift them.
                if (!isJson) throw new InvalidDataException($"{path}:{lines.Line}: the line is empty (expected a text to answer; remove the line).");
                continue;
            }
            string number = lines.Line.ToString(CultureInfo.InvariantCulture);
            inputs.Add(isJson ? OfJson(path, number, line, task) : OfText(line, task) with { Id = number });
        }
        return inputs.Count > 0 ? inputs : throw new InvalidDataException($"{path}: has no inputs, expected a text or an object a line.");
    }

    static PredictInput OfJson(string path, string number, string line, TaskDefinition task)
    {
        string place = $"{path}:{number}";
        try
        {
            if (JsonKeys.FindRepeated(Encoding.UTF8.GetBytes(line)) is { } key) throw Fault(place, $"the key '{key}' stands twice");
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw Fault(place, $"the line is {NameOf(root.ValueKind)}");
            string id = root.TryGetProperty("id", out JsonElement given) ? ReadId(place, given) : number;
            string? input = root.TryGetProperty("input", out JsonElement text) ? ReadInput(place, text) : null;
            List<KeyValuePair<string, string>> fields = root.TryGetProperty("fields", out JsonElement values) ? ReadFields(place, values) : [];
            if (input is null && fields.Count == 0)
                throw new InvalidDataException($"{place}: has neither 'input' nor 'fields' (expected the text to answer, or the task's fields).");
            input ??= Render(place, task, fields);
            return new PredictInput(id, input, Join(place, Row(id, input, fields), task));
        }
        catch (JsonException e)
        {
            throw Fault(place, $"not valid JSON at byte {e.BytePositionInLine}");
        }
        catch (InvalidOperationException)
        {
            throw Fault(place, "a string holds half of a surrogate pair");
        }
    }

    static string ReadId(string place, JsonElement value) => value.ValueKind is JsonValueKind.String or JsonValueKind.Number
        ? value.ToString()
        : throw Fault(place, $"id: is {NameOf(value.ValueKind)} where a text or a number belongs");

    static string ReadInput(string place, JsonElement value) => value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw Fault(place, $"input: is {NameOf(value.ValueKind)} where a text belongs");

    static List<KeyValuePair<string, string>> ReadFields(string place, JsonElement values) => values.ValueKind == JsonValueKind.Object
        ? [.. values.EnumerateObject().Select(p =>
            KeyValuePair.Create(p.Name, p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : p.Value.GetRawText()))]
        : throw Fault(place, $"fields: is {NameOf(values.ValueKind)} where an object of the task's fields belongs");

    static InvalidDataException Fault(string place, string problem) =>
        new($"{place}: {problem} (expected an object such as {{\"id\": \"1\", \"input\": \"…\"}}).");

    static string NameOf(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    static string Render(string place, TaskDefinition task, List<KeyValuePair<string, string>> fields)
    {
        try
        {
            return task.Student.Input.Render(fields.ToDictionary(p => p.Key, p => FieldValue.FromStored(p.Value), StringComparer.Ordinal));
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{place}: fields: {e.Message} Task '{task.Name}' makes its input from these fields.", e);
        }
    }

    static IReadOnlyList<string> Join(string place, RationaleRow row, TaskDefinition task)
    {
        try
        {
            return TrainingSelection.Segments(row, task);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{place}: {e.Message}", e);
        }
    }

    static RationaleRow Row(string id, string input, List<KeyValuePair<string, string>> fields) => new()
    {
        Id = id, Input = input, Fields = fields, Status = RationaleStatus.Ok,
        Provenance = new Provenance(),
    };
}
