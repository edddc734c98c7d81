using System.Globalization;
using System.Text;
using DistillEngine.Core;
using DistillEngine.Teacher.Answers;

namespace DistillEngine.Teacher.Reports;

/// <summary>The card of a run's rationale file: a README with the front matter that data-set hubs read. It states what is known and guesses
/// nothing, licences least of all.</summary>
public static class DatasetCard
{
    /// <summary>Name within a run's folder.</summary>
    public const string Name = "README.md";

    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string folder, RunManifest manifest, AnswerReport report) =>
        AtomicFile.WriteAllText(Path.Combine(folder, Name), Of(manifest, report));

    public static string Of(RunManifest manifest, AnswerReport report)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(report);
        var text = new StringBuilder();
        AppendFrontMatter(text, manifest, report);
        Line(text, $"# {manifest.Task.Name}: rationales by {manifest.Model}");
        Line(text, $"");
        Line(text, $"Questions with the labels and rationales that a large language model gave, made by {manifest.Tool} to train a small model by");
        Line(text, $"Distilling Step-by-Step (Hsieh et al., 2023). `rationales.jsonl` has one JSON object a line, schema `distill.rationale/1`;");
        Line(text, $"`rejects.jsonl` has the rows that were not accepted, with reasons.");
        Line(text, $"");
        Line(text, $"## How it was made");
        Line(text, $"");
        Line(text, $"| | |");
        Line(text, $"|---|---|");
        Line(text, $"| task | {Cell(manifest.Task.Name)}, `task_sha` {manifest.Task.Sha256} |");
        foreach (var input in manifest.Inputs) Line(text, $"| input | {Cell(input.Name)}, {input.Rows:N0} rows, SHA-256 {input.Sha256} |");
        Line(text, $"| model | {Cell(manifest.Model)}{(manifest.Endpoint is null ? "" : $" at {Cell(manifest.Endpoint)}")} |");
        Line(text, $"| prompt | {manifest.Prompt.Form}, {manifest.Task.ShotCount} worked examples, SHA-256 {manifest.Prompt.Sha256} |");
        string heat = manifest.Params.Temperature?.ToString(CultureInfo.InvariantCulture) ?? "the server's";
        Line(text, $"| sampling | {manifest.Samples} a row, temperature {heat}, at most {manifest.Params.MaxTokens} tokens |");
        Line(text, $"| parsing | {manifest.Parser} rules{(manifest.OnAmbiguous is { } ambiguous ? $", of several choices: {ambiguous}" : "")} |");
        Line(text, $"| date | {manifest.Started.UtcDateTime:yyyy-MM-dd} |");
        Line(text, $"");
        Line(text, $"## What it holds");
        Line(text, $"");
        Line(text, $"| status | rows |");
        Line(text, $"|---|---:|");
        foreach (var (status, rows) in report.Statuses) Line(text, $"| {status} | {rows:N0} |");
        Line(text, $"");
        if (report.Flags.Count > 0)
        {
            Line(text, $"Flags: {RunReport.Counts(report.Flags)}.");
            Line(text, $"");
        }
        if (report.Accuracy is { } accuracy)
        {
            Line(text, $"The teacher's label is the gold label in {RunReport.Share(accuracy)} of {report.GoldRows:N0} answered rows with one.");
            Line(text, $"Where it is not, the rationale argues for a wrong label; such rows carry the flag `label_mismatch`.");
        }
        else
        {
            Line(text, $"The rows have no gold labels, so the teacher's accuracy is not known.");
        }
        Line(text, $"");
        AppendTerms(text, manifest);
        return text.ToString();
    }

    static void AppendFrontMatter(StringBuilder text, RunManifest manifest, AnswerReport report)
    {
        Line(text, $"---");
        Line(text, $"pretty_name: {Quote($"{manifest.Task.Name}: rationales by {manifest.Model}")}");
        if (IsKnown(manifest.Task.License))
        {
            Line(text, $"license: other");
            Line(text, $"license_name: {Quote(manifest.Task.License!)}");
        }
        else
        {
            Line(text, $"license: unknown");
        }
        Line(text, $"tags:");
        Line(text, $"- synthetic");
        Line(text, $"- distillation");
        Line(text, $"- chain-of-thought");
        Line(text, $"size_categories:");
        Line(text, $"- {SizeCategory(report.Rows)}");
        Line(text, $"configs:");
        Line(text, $"- config_name: default");
        Line(text, $"  data_files: {AnswerFiles.RationalesName}");
        Line(text, $"---");
        Line(text, $"");
    }

    static void AppendTerms(StringBuilder text, RunManifest manifest)
    {
        Line(text, $"## Licence and terms of use");
        Line(text, $"");
        if (IsKnown(manifest.Task.License))
        {
            Line(text, $"The task file names the licence of the questions as: {manifest.Task.License}.");
            Line(text, $"That licence covers the questions and gold labels, not necessarily the rationales.");
        }
        else
        {
            Line(text, $"The task file names no licence of the questions. Find it out before you share this data.");
        }
        if (!string.IsNullOrWhiteSpace(manifest.Task.Source))
            Line(text, $"Source of the questions, as named by the task file: {manifest.Task.Source}.");
        Line(text, $"");
        Line(text, $"The rationales and teacher labels were written by `{manifest.Model}`. The terms of use of a model and of its provider may");
        Line(text, $"restrict what its output may be used for, training other models included. Read them before you train on this data or share it.");
        Line(text, $"");
        Line(text, $"Rationales are what the model wrote, not proofs: they may be wrong, biased, or give other reasons than those that led to the label.");
    }

    static bool IsKnown(string? license) =>
        !string.IsNullOrWhiteSpace(license) && !license.Equals("unknown", StringComparison.OrdinalIgnoreCase);

    static string SizeCategory(int rows) => rows switch
    {
        < 1_000 => "n<1K",
        < 10_000 => "1K<n<10K",
        < 100_000 => "10K<n<100K",
        < 1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    };

    /// <summary>A YAML text in double quotes.</summary>
    static string Quote(string value) => $"\"{value.Replace("\\", "\\\\").Replace("\"", "\\\"").ReplaceLineEndings(" ")}\"";

    /// <summary>A text that does not end a cell of a table.</summary>
    static string Cell(string value) => value.Replace("|", "\\|").ReplaceLineEndings(" ");

    static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
