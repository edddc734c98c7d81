using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tokenization;
using DistillEngine.Training;
using DistillEngine.Training.Demo;

namespace DistillEngine.Tests.Training;

/// <summary>A task that a few hundred steps learn, as files in a folder of its own: rows, validation rows, task file, vocabulary.</summary>
sealed class SmallTask : IDisposable
{
    /// <summary>Rows of the training file.</summary>
    public const int Rows = 24;

    const string TaskText = """
        {
          "schema": "distill.task/1",
          "name": "larger",
          "kind": "text",
          "data": { "format": "jsonl", "files": { "train": "data.jsonl" }, "fields": { "question": "input", "gold": "label" } },
          "student": { "input": "{{question}}", "label": "{{gold}}", "max_input_tokens": 32, "max_label_tokens": 8, "max_rationale_tokens": 32 },
          "labels": { "normalize": ["trim"] },
          "metric": "exact",
          "license": "Apache-2.0",
          "source": "made for tests"
        }
        """;

    static readonly string[] Things = ["spoon", "cup", "chair", "car", "house", "bridge"];

    public SmallTask()
    {
        Folder = Directory.CreateTempSubdirectory("distill-task-").FullName;
        Directory.CreateDirectory(Tokenizer);
        List<RationaleRow> rows = [.. from a in Enumerable.Range(0, Things.Length)
                                      from b in Enumerable.Range(0, Things.Length)
                                      where a != b
                                      select Row(a, b)];
        RationaleWriter.Write(Data, rows.Take(Rows));
        RationaleWriter.Write(Validation, rows.Skip(Rows));
        File.WriteAllText(Task, TaskText);
        SentencePieceModelWriter.Write(Path.Combine(Tokenizer, "spiece.model"),
            WordVocabulary.Build(rows.SelectMany(r => (string[])["predict: " + r.Input, "explain: " + r.Input, r.Label!, r.Rationale!])));
        File.WriteAllText(Path.Combine(Tokenizer, "tokenizer_config.json"), """{ "extra_ids": 0 }""");
    }

    public string Folder { get; }

    public string Data => Path.Combine(Folder, "data.jsonl");

    public string Validation => Path.Combine(Folder, "validation.jsonl");

    public string Task => Path.Combine(Folder, "larger.json");

    public string Tokenizer => Path.Combine(Folder, "tokenizer");

    public string Output(string name) => Path.Combine(Folder, name);

    /// <summary>A short run that writes into a folder of this name.</summary>
    public TrainingOptions Options(string output, long steps = 10) => new()
    {
        Data = Data, Task = Task, Model = "tiny", Tokenizer = Tokenizer, Output = Output(output), Steps = steps, Batch = 4, Optimizer = new()
        {
            LearningRate = 2e-3,
        },
        Warmup = steps / 5, SaveEvery = 3, Seed = 7, MaxNewTokens = 6,
    };

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    static RationaleRow Row(int a, int b) => new()
    {
        Id = $"larger/train/{a}-{b}", Input = $"which is larger, a {Things[a]} or a {Things[b]}?", Label = Things[Math.Max(a, b)],
        TeacherLabel = Things[Math.Max(a, b)],
        Rationale = $"a {Things[Math.Min(a, b)]} is smaller than a {Things[Math.Max(a, b)]}.", Weight = 1 + (a + b) % 2, Status = RationaleStatus.Ok,
        Split = "train",
        Provenance = new Provenance { Task = "larger" },
    };
}
