using System.Text;
using System.Text.Json;
using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Prompts;

/// <summary>Reads files of worked examples: one JSON object a line, <c>{"fields": {…}, "rationale": "…", "label": "…"}</c>, or
/// <c>"input"</c> in place of fields where the templates need no more than the input.</summary>
static class ShotFile
{
    const string BuiltInPrefix = "built-in:";

    /// <summary>Examples are written by hand; a larger file is some other file.</summary>
    const long MaxFileBytes = 16L << 20;

    static readonly string[] Keys = ["fields", "input", "rationale", "label"];

    /// <summary>The first <c>shot_count</c> examples of the task's file.</summary>
    /// <exception cref="InvalidDataException">The file is malformed or has fewer examples, or one does not fit the task.</exception>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    public static List<Shot> Read(TaskDefinition task, TeacherOptions teacher)
    {
        var shots = new List<Shot>();
        if (teacher.ShotCount == 0) return shots;
        string text = ReadText(task, teacher.Shots!, out string path);
        int line = 0;
        foreach (string json in text.Split('\n'))
        {
            line++;
            if (shots.Count == teacher.ShotCount) break;
            if (!string.IsNullOrWhiteSpace(json)) shots.Add(Parse($"{path}:{line}", json, task, teacher));
        }
        return shots.Count == teacher.ShotCount
            ? shots
            : throw new InvalidDataException($"{path}: has {shots.Count} examples (expected the {teacher.ShotCount} of teacher.shot_count in "
                + $"{task.Path}; add some or lower the count).");
    }

    static string ReadText(TaskDefinition task, string name, out string path)
    {
        if (task.Path.StartsWith(BuiltInPrefix, StringComparison.Ordinal))
        {
            path = BuiltInPrefix + name;
            return Resources.ReadText($"BuiltIn.{name}");
        }
        path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(task.Path))!, name);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: no such file (expected the worked examples that teacher.shots in {task.Path} names; the "
                + "name is relative to the task file).", path);
        long length = new FileInfo(path).Length;
        if (length > MaxFileBytes)
            throw new InvalidDataException($"{path}: has {length:N0} bytes (expected worked examples, at most {MaxFileBytes:N0}).");
        return File.ReadAllText(path, Encoding.UTF8);
    }

    static Shot Parse(string place, string json, TaskDefinition task, TeacherOptions teacher)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw Error(place, "is no JSON object (expected one example a line).");
            foreach (var member in root.EnumerateObject())
            {
                if (!Keys.Contains(member.Name)) throw Error(place, $"has the key '{member.Name}' (expected {string.Join(", ", Keys)}).");
            }
            return Render(place, root, task, teacher);
        }
        catch (JsonException e)
        {
            throw Error(place, $"is not valid JSON: {e.Message} (expected one example a line).");
        }
        catch (InvalidOperationException)
        {
            throw Error(place, "holds a string that is not valid Unicode (expected whole characters).");
        }
        catch (ArgumentException e)
        {
            throw Error(place, $"does not fit the templates of task '{task.Name}': {e.Message}");
        }
    }

    static Shot Render(string place, JsonElement root, TaskDefinition task, TeacherOptions teacher)
    {
        string rationale = Required(place, root, "rationale");
        string label = Required(place, root, "label");
        var values = new Dictionary<string, FieldValue>(StringComparer.Ordinal);
        string input = ReadInput(place, root, task, values);
        IReadOnlyList<string>? choices = task.Labels.From is { } from && values.TryGetValue(from, out var list) ? list.Items : null;
        var row = new SourceRow
        {
            Key = null,
            Input = input,
            Label = label,
            Choices = choices,
            Values = new Dictionary<string, FieldValue>(values),
            Fields = [.. values.Select(value => KeyValuePair.Create(value.Key, value.Value.Text))],
        };
        values["input"] = new(input);
        string question = teacher.Query.Render(values);
        values["rationale"] = new(rationale);
        values["label"] = new(label);
        int number = (choices ?? task.Labels.Set)?.ToList().IndexOf(label) ?? -1;
        if (number is >= 0 and < 26) values["letter"] = new(((char)('a' + number)).ToString());
        string shown = teacher.Shot!.Render(values);
        if (!shown.StartsWith(question, StringComparison.Ordinal))
            throw new InvalidDataException($"{task.Path}: teacher.shot: does not begin like teacher.query (expected worked examples to show the "
                + $"question as it will be asked, as {place} does not).");
        string body = shown.TrimEnd();
        if (body.Length < question.Length) throw Error(place, "is empty after the question (expected teacher.shot to hold an answer).");
        return new(place, row, rationale, label, question, body[question.Length..], shown[body.Length..]);
    }

    static string ReadInput(string place, JsonElement root, TaskDefinition task, Dictionary<string, FieldValue> values)
    {
        bool hasFields = root.TryGetProperty("fields", out var fields);
        if (hasFields == root.TryGetProperty("input", out _))
            throw Error(place, "has both 'fields' and 'input', or neither (expected one of them).");
        if (!hasFields) return Required(place, root, "input");
        if (fields.ValueKind != JsonValueKind.Object) throw Error(place, "fields: is no object (expected variable → text or list).");
        foreach (var field in fields.EnumerateObject())
        {
            if (!task.Data.Fields.ContainsKey(field.Name))
                throw Error(place, $"fields: names '{field.Name}' (expected variables of data.fields: {string.Join(", ", task.Data.Fields.Keys)}).");
            values[field.Name] = field.Value.ValueKind switch
            {
                JsonValueKind.String => new(field.Value.GetString()!),
                JsonValueKind.Array => FieldValue.FromItems([.. field.Value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String
                    ? item.GetString()!
                    : throw Error(place, $"fields: '{field.Name}' holds something else than strings (expected an array of strings)."))]),
                _ => throw Error(place, $"fields: '{field.Name}' is neither text nor list (expected one of them)."),
            };
        }
        return task.Student.Input.Render(values);
    }

    static string Required(string place, JsonElement root, string key) =>
        root.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : throw Error(place, $"{key}: is missing or empty (expected a text).");

    static InvalidDataException Error(string place, string problem) => new($"{place}: the example {problem}");
}
