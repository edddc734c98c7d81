using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Prompts;

/// <summary>The worked examples of a task: loaded, and proven to parse by the task's own rules to the rationale and label they show.</summary>
public sealed class ShotSet
{
    ShotSet(TaskDefinition task, TeacherOptions teacher, IReadOnlyList<Shot> shots)
    {
        (Task, Teacher, Shots) = (task, teacher, shots);
        Sha256 = HashShots(shots);
        TaskSha256 = Hash(Encoding.UTF8.GetBytes($"{task.Sha256}\n{Sha256}"));
    }

    public TaskDefinition Task { get; }

    public TeacherOptions Teacher { get; }

    public IReadOnlyList<Shot> Shots { get; }

    /// <summary>SHA-256 of the examples in use, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>SHA-256 of the task's definition and its examples (<c>task_sha</c>), lower-case hexadecimal.</summary>
    public string TaskSha256 { get; }

    /// <exception cref="InvalidDataException">The task has no <c>teacher</c> section, the examples are malformed, or one does not parse to
    /// what it shows.</exception>
    /// <exception cref="FileNotFoundException">The file of examples is missing.</exception>
    public static ShotSet Load(TaskDefinition task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var teacher = task.Teacher ?? throw new InvalidDataException($"{task.Path}: teacher: is missing (expected how a teacher is asked; "
            + "'distill-teacher init' writes an example).");
        var shots = ShotFile.Read(task, teacher);
        var parser = new ReplyParser(task);
        foreach (var shot in shots) Check(shot, parser, task);
        return new(task, teacher, shots);
    }

    /// <summary>Refuses examples whose question stands in the test split: a teacher that has seen an answer is not tested by it.</summary>
    /// <param name="rows">Rows that are about to be asked; those of other splits than <c>test</c> pass.</param>
    /// <exception cref="InvalidDataException">An example occurs; the message names it and the row.</exception>
    public void RefuseContamination(IEnumerable<TeacherRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var inputs = Inputs();
        if (inputs.Count == 0) return;
        foreach (var row in rows)
        {
            if (row.Split == "test") Refuse(inputs, row.Source.Input, row.Id);
        }
    }

    /// <summary>As <see cref="RefuseContamination(IEnumerable{TeacherRow})"/>, for the test file that the task names, where it lies in one
    /// of these folders.</summary>
    /// <param name="folders">Folders to look in; the first file found counts.</param>
    /// <returns>The file that was read, or null where there is none.</returns>
    /// <exception cref="InvalidDataException">An example occurs, or the file is malformed.</exception>
    public string? RefuseContamination(params IEnumerable<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        var inputs = Inputs();
        if (inputs.Count == 0 || !Task.Data.Files.TryGetValue("test", out string? name)) return null;
        string? path = folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (path is null) return null;
        var rows = SourceFile.Read(path, Task, needsLabel: false);
        for (int i = 0; i < rows.Count; i++) Refuse(inputs, rows[i].Input, $"{i + 1} of {path}");
        return path;
    }

    static void Refuse(Dictionary<string, Shot> inputs, string input, string place)
    {
        if (inputs.TryGetValue(ChoiceMatch.Simplify(input), out var shot))
            throw new InvalidDataException($"{shot.Place}: the example's question is that of the test row {place} (expected examples that are "
                + "not tested; write another one).");
    }

    Dictionary<string, Shot> Inputs()
    {
        var inputs = new Dictionary<string, Shot>(StringComparer.Ordinal);
        foreach (var shot in Shots) inputs.TryAdd(ChoiceMatch.Simplify(shot.Row.Input), shot);
        return inputs;
    }

    static void Check(Shot shot, ReplyParser parser, TaskDefinition task)
    {
        var parsed = parser.Parse(shot.Answer, "stop", shot.Row);
        string? problem = null;
        if (!parsed.IsOk)
            problem = $"is rejected by the task's own rules as {ParseCodes.NameOf(parsed.Code)}: {parsed.Reason}";
        else if (!IsSameLabel(task, parsed.Label!, shot.Label))
            problem = $"shows the label '{shot.Label}', but the task's own rules read '{parsed.Label}' from it.";
        else if (parsed.Rationale != shot.Rationale.Trim())
            problem = $"shows a rationale of which the task's own rules read '{parsed.Rationale}' only.";
        else if (parsed.Flags.FirstOrDefault(flag => flag is not "number_only") is { } flag)
            problem = $"is flagged {flag} by the task's own rules.";
        if (problem is not null)
            throw new InvalidDataException($"{shot.Place}: the example {problem} (expected it to parse to what it shows; change the example, "
                + $"or 'parse' and 'teacher.shot' in {task.Path}).");
    }

    static bool IsSameLabel(TaskDefinition task, string parsed, string shown) => task.Category == TaskCategory.Equation
        ? LabelKey.Of(task.Category, parsed) == LabelKey.Of(task.Category, shown)
        : parsed == shown;

    static string HashShots(IReadOnlyList<Shot> shots)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var shot in shots)
            {
                json.WriteStartObject();
                json.WriteString("input", shot.Row.Input);
                json.WriteString("label", shot.Label);
                json.WriteString("rationale", shot.Rationale);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        return Hash(buffer.WrittenSpan);
    }

    static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
