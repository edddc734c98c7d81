using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Replies;
using DistillEngine.Tests.Data;

namespace DistillEngine.Tests.Teacher.Answers;

/// <summary>A run of a task with a few rows, whose journal a test writes.</summary>
sealed class Answering(string taskName = "cqa")
{
    static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public TaskDefinition Task { get; set; } = TaskReader.Load(taskName);

    public int Samples { get; set; } = 1;

    public Func<TeacherRow, int, string>? KeyOf { get; set; }

    public Func<long, long, double>? Cost { get; set; }

    public string Parser { get; set; } = "task";

    public List<TeacherRow> Rows { get; } = [];

    public List<JournalEntry> Journal { get; } = [];

    public string Folder { get; } = DataFiles.TemporaryFolder();

    /// <summary>Adds a row with the choices x, y and z.</summary>
    public Answering Row(string key, string? gold = "x", string? input = null)
    {
        IReadOnlyList<string> choices = ["x", "y", "z"];
        Rows.Add(new($"{Task.Name}/train/{key}", "train", new()
        {
            Key = key,
            Input = input ?? $"Question {key}?",
            Label = gold,
            Choices = choices,
            Values = new Dictionary<string, FieldValue> { ["choices"] = FieldValue.FromItems(choices) },
            Fields = [new("question", key), new("choices", FieldValue.FromItems(choices).Text)],
        }));
        return this;
    }

    /// <summary>Adds an answer that argues, in its own words, for a letter.</summary>
    public Answering Says(string key, char letter, int sample = 0, string? rationale = null) =>
        Writes(key, $"{rationale ?? $"Because of reason {sample} of row {key}."} So the answer is ({letter}).", sample);

    public Answering Writes(string key, string text, int sample = 0, string finish = "stop", string? requestKey = null) => Add(new()
    {
        Time = Start.AddSeconds(Journal.Count),
        Key = requestKey ?? $"{key}-{sample}",
        Id = $"{Task.Name}/train/{key}",
        Sample = sample,
        Attempt = 1,
        Status = 200,
        Finish = finish,
        Text = text,
        Usage = new(100, 20, 10),
    });

    public Answering Fails(string key, string error, int status, int sample = 0) => Add(new()
    {
        Time = Start.AddSeconds(Journal.Count),
        Key = $"{key}-{sample}",
        Id = $"{Task.Name}/train/{key}",
        Sample = sample,
        Attempt = 1,
        Status = status,
        Error = error,
    });

    public AnswerReport Write() => AnswerFiles.Write(Folder, Rows, new(Journal), Settings());

    /// <summary>The rows of <c>rationales.jsonl</c>, checked by the reader against the task.</summary>
    public List<RationaleRow> Read() => RationaleReader.ReadAll(Path.Combine(Folder, AnswerFiles.RationalesName), Task);

    /// <summary>The rows of <c>rejects.jsonl</c>.</summary>
    public List<RationaleRow> ReadRejects() => [.. RationaleReader.Read(Path.Combine(Folder, AnswerFiles.RejectsName), Task)];

    AnswerSettings Settings() => new()
    {
        Task = Task,
        Parser = ReplyParsers.For(Task, Parser),
        Provenance = new()
        {
            Run = "test", Model = "teacher-1", Provider = "openai-compat", PromptSha = "p", ParametersSha = "q", Task = Task.Name, TaskSha = "t", Tool = "tool",
        },
        Samples = Samples,
        KeyOf = KeyOf,
        Cost = Cost,
    };

    Answering Add(JournalEntry entry)
    {
        Journal.Add(entry);
        return this;
    }
}
