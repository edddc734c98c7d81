using DistillEngine.Data.Batching;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Training;

/// <summary>A run's rows: selected, split, encoded.</summary>
public sealed class TrainingData
{
    TrainingData(TaskDefinition task, SelectionReport selection, ExampleSet examples, TaskEncoder encoder, Evaluator? validation, string sha256)
    {
        (Task, Selection, Examples, Encoder, Validation, Sha256) = (task, selection, examples, encoder, validation, sha256);
    }

    public TaskDefinition Task { get; }

    /// <summary>The task's file as the run read it; null for a built-in task.</summary>
    public byte[]? TaskFile { get; private init; }

    /// <summary>What became of the rows that train.</summary>
    public SelectionReport Selection { get; }

    public ExampleSet Examples { get; }

    /// <summary>Its counts tell what was cut.</summary>
    public TaskEncoder Encoder { get; }

    /// <summary>Null where the run does not evaluate.</summary>
    public Evaluator? Validation { get; }

    /// <summary>Rows held out for validation that have no gold label, so that they neither train nor validate.</summary>
    public int UnlabelledHeld { get; private init; }

    /// <summary>SHA-256 of the rationale file's bytes, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>The same of the teacher run's manifest, where one lies beside the rationale file; else null.</summary>
    public string? TeacherManifestSha256 { get; private init; }

    /// <summary>The same of the validation file; null where the run has none.</summary>
    public string? ValidationSha256 { get; private init; }

    /// <exception cref="InvalidDataException">Task, rows or selection cannot be trained on; the message says where and why.</exception>
    public static TrainingData Load(TrainingOptions options, SentencePieceTokenizer tokenizer)
    {
        TaskDefinition task = TaskReader.Load(options.Task);
        byte[]? taskFile = TaskReader.BuiltIn.Contains(options.Task) ? null : File.ReadAllBytes(options.Task);
        foreach (string? source in (string?[])[options.Data, options.ValidationData]) RequireNoPipe(source);
        List<RationaleRow> rows = RationaleReader.ReadAll(options.Data, task), held = [];
        if (options.EvalEvery > 0)
        {
            if (options.ValidationData is { } path) held = RationaleReader.ReadAll(path, task);
            else (rows, held) = HoldOut(rows, options, task);
        }
        List<TrainingExample> examples = Select(rows, options, task, out SelectionReport selection);
        if (options.Method == TrainingMethod.StepByStep && selection.WithRationale == 0)
            throw new InvalidDataException($"{options.Data}: no row has a rationale to train on, so a model would never learn to explain. "
                + "'distill data stats' counts the rows and their status; to train labels alone give --method standard.");
        var encoder = new TaskEncoder(task.Student, tokenizer, options.Method);
        var set = ExampleSet.Encode(examples, encoder);
        Evaluator? validation = held.Count == 0 ? null : Validate(held, options, task, tokenizer);
        return new TrainingData(task, selection, set, encoder, validation, HashOf(options.Data))
        {
            TaskFile = taskFile, TeacherManifestSha256 = TeacherManifestOf(options.Data) is { } manifest ? HashOf(manifest) : null,
            UnlabelledHeld = validation is null ? 0 : held.Count - validation.Sources.Count,
            ValidationSha256 = options.ValidationData is { } file ? HashOf(file) : null,
        };
    }

    static string? TeacherManifestOf(string data)
    {
        string path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(data))!, "manifest.json");
        return File.Exists(path) ? path : null;
    }

    /// <summary>Rows are read, hashed, and read again by a resumed run; a pipe would give nothing the second time.</summary>
    static void RequireNoPipe(string? path)
    {
        if (!File.Exists(path)) return;
        using FileStream stream = File.OpenRead(path);
        if (!stream.CanSeek) throw new InvalidDataException($"{path}: is a pipe (expected a file, which is read more than once; write the rows into one).");
    }

    static string HashOf(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Core.Sha256.HexOf(stream);
    }

    static (List<RationaleRow> Train, List<RationaleRow> Held) HoldOut(List<RationaleRow> rows, TrainingOptions options, TaskDefinition task)
    {
        double fraction = options.ValidationFraction ?? (task.Data.ValidFraction > 0 ? task.Data.ValidFraction : TrainingOptions.StandardValidationFraction);
        int count = (int)Math.Ceiling(fraction * rows.Count);
        return count < rows.Count
            ? ValidationSplit.Of(rows, count, options.Seed)
            : throw new InvalidDataException($"{options.Data}: holding {count} of {rows.Count} rows out for validation leaves none to train on. "
                + "Give --validation FILE, a smaller --validation-fraction, or --eval-every 0.");
    }

    static List<TrainingExample> Select(List<RationaleRow> rows, TrainingOptions options, TaskDefinition task, out SelectionReport report)
    {
        try
        {
            return TrainingSelection.Select(rows, task, options.LabelSource, options.OnMismatch, out report);
        }
        catch (InvalidDataException e)
        {
            // The selection sees rows, not their file.
            throw new InvalidDataException($"{options.Data}: {e.Message}", e);
        }
    }

    static Evaluator Validate(List<RationaleRow> rows, TrainingOptions options, TaskDefinition task, SentencePieceTokenizer tokenizer)
    {
        List<EvaluationExample> examples = [.. rows.Select(row => EvaluationExample.Of(row, task)).OfType<EvaluationExample>()];
        if (examples.Count == 0)
            throw new InvalidDataException($"{options.ValidationData ?? options.Data}: "
                + $"none of the {rows.Count} rows held out for validation has a gold label. Give --validation FILE with labelled rows, or --eval-every 0.");
        return new Evaluator(examples, new TaskEncoder(task.Student, tokenizer, options.Method), tokenizer, Metric.Named(task.Metric));
    }
}
