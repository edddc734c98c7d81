using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tokenization;
using DistillEngine.Model;

namespace DistillEngine.Training.Demo;

/// <summary>The files of the demo: rationale files for training and test, a task file, a vocabulary; and how its two models are trained.</summary>
public sealed class DemoData
{
    /// <summary>Enough for the explanations to be learned; standard training has converged by then.</summary>
    public const long Steps = 5_000;

    public const int EvaluationRows = 128;

    const int TrainCount = 2_000;
    const int TestCount = 500;
    const int ExampleCount = 3;
    const string TaskName = "everyday";

    // Rates and batch of the measurement that showed the effect on such data from scratch.
    const double Rate = 2e-3;
    const long Warmup = 100;
    const int BatchRows = 32;

    const string TaskText = """
        {
          // Questions about everyday things; the label is a thing's name, yes or no.
          "schema": "distill.task/1",
          "name": "everyday",
          "kind": "text",
          "data": { "format": "jsonl", "files": { "train": "train.jsonl", "test": "test.jsonl" }, "fields": { "question": "input", "gold": "label" } },
          "student": {
            "input": "{{question}}", "label": "{{gold}}", "prefix_label": "predict: ", "prefix_rationale": "explain: ",
            "max_input_tokens": 64, "max_label_tokens": 8, "max_rationale_tokens": 64
          },
          "labels": { "normalize": ["trim"] },
          "metric": "exact",
          "license": "Apache-2.0",
          "source": "made by DistillEngine"
        }
        """;

    readonly string _folder;

    DemoData(string folder, IReadOnlyList<EverydayQuestion> train, IReadOnlyList<EverydayQuestion> test)
    {
        (_folder, TrainRows, TestRows) = (folder, train.Count, test.Count);
        Examples = [.. Kinds.Take(ExampleCount).Select(k => train.First(q => q.Kind == k))];
    }

    public static IReadOnlyList<QuestionKind> Kinds { get; } = Enum.GetValues<QuestionKind>();

    public static GenerationOptions Generation { get; } = new() { MaxNewTokens = 40 };

    public int TrainRows { get; }

    public int TestRows { get; }

    /// <summary>A training question of each kind.</summary>
    public IReadOnlyList<EverydayQuestion> Examples { get; }

    public string TrainPath => Path.Combine(_folder, "train.jsonl");

    public string TestPath => Path.Combine(_folder, "test.jsonl");

    public string TaskPath => Path.Combine(_folder, "everyday.json");

    public string TokenizerPath => Path.Combine(_folder, "tokenizer");

    /// <summary>Makes all files.</summary>
    /// <param name="folder">Created if missing.</param>
    public static DemoData Write(string folder, ulong seed)
    {
        var (train, test) = EverydayQuestions.Make(TrainCount, TestCount, seed);
        var data = new DemoData(folder, train, test);
        Directory.CreateDirectory(data.TokenizerPath);
        RationaleWriter.Write(data.TrainPath, Rows(train, "train"));
        RationaleWriter.Write(data.TestPath, Rows(test, "test"));
        AtomicFile.WriteAllText(data.TaskPath, TaskText);
        SentencePieceModel vocabulary = WordVocabulary.Build(train.SelectMany(Texts));
        SentencePieceModelWriter.Write(Path.Combine(data.TokenizerPath, SentencePieceTokenizer.ModelFileName), vocabulary);
        AtomicFile.WriteAllText(Path.Combine(data.TokenizerPath, SentencePieceTokenizer.SettingsFileName), "{ \"extra_ids\": 0 }\n");
        return data;
    }

    /// <summary><c>standard</c> or <c>step-by-step</c>.</summary>
    public static string NameOf(TrainingMethod method) => method == TrainingMethod.Standard ? "standard" : "step-by-step";

    /// <summary>How the model of one method is trained.</summary>
    public TrainingOptions Options(TrainingMethod method, long steps, ulong seed) => new()
    {
        Data = TrainPath, Task = TaskPath, Model = "tiny", Tokenizer = TokenizerPath, Output = Path.Combine(_folder, NameOf(method)), Method = method,
        Steps = steps, Batch = BatchRows, Optimizer = new() { LearningRate = Rate }, Warmup = Math.Min(Warmup, steps / 10), SaveEvery = 0,
        Keep = 1, Seed = seed,
    };

    /// <summary>Share of right answers among the questions of one kind.</summary>
    public static double AccuracyOf(QuestionKind kind, EvaluationResult result) =>
        result.Rows.Where(r => r.Id.StartsWith(IdPrefix("test", kind), StringComparison.Ordinal)).Average(r => r.Score);

    static string IdPrefix(string split, QuestionKind kind) => $"{TaskName}/{split}/{kind.ToString().ToLowerInvariant()}-";

    static IEnumerable<RationaleRow> Rows(IReadOnlyList<EverydayQuestion> questions, string split)
    {
        var provenance = new Provenance { Run = "demo", Task = TaskName, Tool = "distill demo" };
        for (int i = 0; i < questions.Count; i++)
        {
            EverydayQuestion q = questions[i];
            yield return new RationaleRow
            {
                Id = $"{IdPrefix(split, q.Kind)}{i:D4}", Input = q.Input, Label = q.Label, TeacherLabel = q.Label, Rationale = q.Rationale,
                Status = RationaleStatus.Ok, Split = split, Provenance = provenance,
            };
        }
    }

    // All that a model reads and writes, prefixes included, so that every word is a piece of its own.
    static IEnumerable<string> Texts(EverydayQuestion q) => ["predict: " + q.Input, "explain: " + q.Input, q.Label, q.Rationale];
}
