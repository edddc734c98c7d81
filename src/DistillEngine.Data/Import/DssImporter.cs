using System.Text.Json;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Import;

/// <summary>
/// Imports the published layout (<c>dss</c>): rows in <c>TASK_SPLIT.json</c>, one JSON object a line, and the teacher's raw outputs in
/// <c>llm/SPLIT_CoT_K.json</c>, arrays of strings that belong to the rows by position, K = 0, 1, ….
/// </summary>
public static class DssImporter
{
    const int ExampleCount = 3;

    /// <summary>Reads one split and writes it as <c>distill.rationale/1</c>.</summary>
    /// <param name="split">train, valid or test.</param>
    /// <param name="folder">The data set's folder, or the folder that holds it under the task's name.</param>
    /// <param name="created">Time to note in the rows (ISO 8601), or null; without it equal inputs give equal bytes.</param>
    /// <exception cref="InvalidDataException">A file is malformed, or there are not as many outputs as rows.</exception>
    /// <exception cref="FileNotFoundException">A file of the layout is missing.</exception>
    public static ImportReport Import(TaskDefinition task, string split, string folder, string output, string? created = null)
    {
        var rows = Read(task, split, folder, created, out var report);
        RationaleWriter.Write(output, rows);
        return report;
    }

    /// <summary>The rows that <see cref="Import"/> writes.</summary>
    public static List<RationaleRow> Read(TaskDefinition task, string split, string folder, string? created, out ImportReport report)
    {
        var parser = PublishedParser.For(task.Name);
        if (!task.Data.Files.TryGetValue(split, out string? name))
            throw new ArgumentException($"the task '{task.Name}' has no split '{split}' "
                + $"({DataError.Suggest(split, task.Data.Files.Keys)}).", nameof(split));
        string rowsPath = FindRows(folder, task.Name, name);
        var outputs = ReadOutputs(Path.GetDirectoryName(rowsPath)!, split, out string outputsPattern);
        var source = new List<SourceRow>();
        using (var lines = new LineReader(rowsPath))
        {
            while (lines.TryRead(out var line)) source.Add(SourceRow.Parse(rowsPath, lines.Line, line, task));
        }
        if (source.Count == 0) throw new InvalidDataException($"{rowsPath}: has no rows (expected one JSON object a line).");
        if (source.Count != outputs.Count)
            throw new InvalidDataException($"{rowsPath}: has {source.Count} rows, but {outputsPattern} hold {outputs.Count} outputs "
                + "(expected equal counts: they belong together by position; get both from the same release).");
        var provenance = new Provenance
        {
            Run = "dss",
            Task = task.Name,
            TaskSha = task.Sha256,
            Tool = "distill data import dss",
            Created = created,
        };
        var metric = Metric.Named(task.Metric);
        var rows = new List<RationaleRow>(source.Count);
        int parsed = 0, correct = 0, correctByLogic = 0;
        for (int i = 0; i < source.Count; i++)
        {
            var row = Combine(task, split, i, source[i], parser, outputs[i], metric, provenance, out bool isCorrect);
            rows.Add(row);
            if (row.Status == RationaleStatus.Ok) parsed++;
            if (isCorrect) correct++;
            else if (IsCorrectByLogic(task, row)) correctByLogic++;
        }
        CheckIds(rowsPath, rows);
        report = new(rows.Count, parsed, correct + correctByLogic, Examples(rows), Warnings(rows.Count, parsed, correct, correctByLogic));
        return rows;
    }

    /// <summary>The published accuracy runs Python, which gives "(34 + 40) and (62 - 17)" the value of its last part; the metric gives it
    /// none.</summary>
    static bool IsCorrectByLogic(TaskDefinition task, RationaleRow row) =>
        task.Category == TaskCategory.Equation && row is { TeacherLabel: not null, Label: not null }
        && EquationEvaluator.EvaluateWithLogic(row.TeacherLabel) == EquationEvaluator.EvaluateWithLogic(row.Label);

    static RationaleRow Combine(TaskDefinition task, string split, int index, SourceRow source, PublishedParser parser, string output,
        Metric metric, Provenance provenance, out bool isCorrect)
    {
        var parsed = parser.Parse(output);
        string? teacherLabel = parsed.Label == parser.Unparsed ? null : parsed.Label;
        string? rationale = parsed.Rationale == parser.Unparsed ? null : parsed.Rationale;
        isCorrect = teacherLabel is not null && metric.Score(teacherLabel, source.Label!, source.Choices) == 1;
        bool isParsed = !string.IsNullOrEmpty(teacherLabel);
        var flags = new List<string>();
        if (isParsed && !isCorrect) flags.Add("label_mismatch");
        if (isParsed && string.IsNullOrEmpty(rationale)) flags.Add("empty_rationale");
        if (parsed.EndsThePublishedRun) flags.Add("no_single_marker");
        return new()
        {
            Id = $"{task.Name}/{split}/{source.Key ?? index.ToString()}",
            Input = source.Input,
            Label = source.Label,
            TeacherLabel = teacherLabel,
            Rationale = rationale,
            Status = isParsed ? RationaleStatus.Ok : RationaleStatus.ParseFailed,
            Flags = flags,
            Split = split,
            Fields = source.Fields,
            Provenance = provenance,
        };
    }

    static string FindRows(string folder, string task, string name)
    {
        string direct = Path.Combine(folder, name);
        if (File.Exists(direct)) return direct;
        string nested = Path.Combine(folder, task, name);
        return File.Exists(nested)
            ? nested
            : throw new FileNotFoundException($"{direct}: no such file, nor {nested} (expected the published layout: {name} and a "
                + "folder llm beside it).", direct);
    }

    static List<string> ReadOutputs(string folder, string split, out string pattern)
    {
        // The first release called the folder by the teacher's name.
        string outputs = Path.Combine(folder, "llm");
        if (!Directory.Exists(outputs)) outputs = Path.Combine(folder, "palm");
        pattern = Path.Combine(outputs, $"{split}_CoT_*.json");
        if (!Directory.Exists(outputs))
            throw new FileNotFoundException($"{pattern}: no such files (expected the teacher's outputs there).", pattern);
        int fileCount = Directory.GetFiles(outputs, $"{split}_CoT_*.json").Length;
        if (fileCount == 0) throw new FileNotFoundException($"{pattern}: no such files (expected {split}_CoT_0.json and so on).", pattern);
        var texts = new List<string>();
        for (int k = 0; k < fileCount; k++)
        {
            string path = Path.Combine(outputs, $"{split}_CoT_{k}.json");
            if (!File.Exists(path))
                throw new FileNotFoundException($"{path}: is missing, but the folder has {fileCount} such files (expected numbers "
                    + "from 0 without a gap).", path);
            ReadOutputFile(path, texts);
        }
        return texts;
    }

    static void ReadOutputFile(string path, List<string> texts)
    {
        var root = LocatedJson.ParseFileOfAnySize(path);
        if (root.Kind != JsonTokenType.StartArray)
            DataError.Throw(path, root.Line, "", $"is {root.KindName} (expected an array of strings, one for each row).");
        foreach (var item in root.Items)
        {
            if (item.Kind != JsonTokenType.String)
                DataError.Throw(path, item.Line, "", $"output {texts.Count} is {item.KindName} (expected a string).");
            texts.Add(item.Text);
        }
    }

    static void CheckIds(string path, List<RationaleRow> rows)
    {
        var lineOfId = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < rows.Count; i++)
        {
            if (!lineOfId.TryAdd(rows[i].Id, i + 1))
                DataError.Throw(path, i + 1, "", $"the id {rows[i].Id} stands on line {lineOfId[rows[i].Id]} too (expected each once; "
                    + $"set \"id\": null in the task to number the rows).");
        }
    }

    static List<RationaleRow> Examples(List<RationaleRow> rows)
    {
        var examples = new List<RationaleRow>();
        for (int i = 0; i < Math.Min(ExampleCount, rows.Count); i++) examples.Add(rows[(int)((long)i * (rows.Count - 1) / Math.Max(1,
            ExampleCount - 1))]);
        return examples;
    }

    static List<string> Warnings(int rows, int parsed, int correct, int correctByLogic)
    {
        var warnings = new List<string>();
        if (correctByLogic > 0)
            warnings.Add($"{correctByLogic} teacher labels with 'and' or 'or' count as correct, as published; the metric "
                + "equation_value gives them no value, so they are flagged label_mismatch.");
        if (correct == rows)
            warnings.Add("The teacher's label equals the gold label in every row: it was probably copied from it, "
                + "and says nothing about the rationales.");
        if (correct + correctByLogic == 0)
            warnings.Add("The teacher's label is right in no row: rows and outputs probably do not belong together.");
        if (parsed * 2 < rows) warnings.Add($"Only {parsed} of {rows} outputs parsed: they were probably written for another task.");
        return warnings;
    }
}
