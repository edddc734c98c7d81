using System.Text.Json;
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
            throw new UsageException($"Task '{task.Name}' joins several fields; give --input FILE.jsonl with lines such as {{\"fields\": {{\"premise\": \"…\", \"hypothesis\": \"…\"}}}}.");
        return new PredictInput("1", text, [text]);
    }

    /// <exception cref="InvalidDataException">path:line: what is wrong.</exception>
    public static List<PredictInput> ReadFile(string path, TaskDefinition task)
    {
        if (Directory.Exists(path)) throw new InvalidDataException($"{path}: is a folder (expected a file of inputs: a text or, in .jsonl, an object a line).");
        bool isJson = path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);
        var inputs = new List<PredictInput>();
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            inputs.Add(isJson ? OfJson(path, number, line, task) : OfText(line, task) with { Id = number.ToString() });
        }
        return inputs.Count > 0 ? inputs : throw new InvalidDataException($"{path}: has no inputs, expected a text or an object a line.");
    }

    static PredictInput OfJson(string path, int number, string line, TaskDefinition task)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            string id = root.TryGetProperty("id", out JsonElement i) ? i.ToString() : number.ToString();
            string? input = root.TryGetProperty("input", out JsonElement text) ? text.GetString() : null;
            var fields = root.TryGetProperty("fields", out JsonElement f)
                ? f.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : p.Value.GetRawText())).ToList()
                : [];
            if (input is null && fields.Count == 0)
                throw new InvalidDataException($"{path}:{number}: has neither 'input' nor 'fields' (expected the text to answer, or the task's fields).");
            return new PredictInput(id, input ?? Render(task, fields), TrainingSelection.Segments(Row(id, input ?? Render(task, fields), fields), task));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException($"{path}:{number}: {e.Message} (expected an object such as {{\"id\": \"1\", \"input\": \"…\"}})", e);
        }
    }

    static string Render(TaskDefinition task, List<KeyValuePair<string, string>> fields) =>
        task.Student.Input.Render(fields.ToDictionary(p => p.Key, p => FieldValue.FromStored(p.Value), StringComparer.Ordinal));

    static RationaleRow Row(string id, string input, List<KeyValuePair<string, string>> fields) => new()
    {
        Id = id, Input = input, Fields = fields, Status = RationaleStatus.Ok,
        Provenance = new Provenance(),
    };
}
