using System.Globalization;
using System.Text;
using DistillEngine.Data.Metrics;
using DistillEngine.Teacher.Answers;

namespace DistillEngine.Teacher.Reports;

/// <summary>The text that <c>report</c> shows.</summary>
public static class RunReport
{
    public static string Of(RunManifest manifest, AnswerReport report)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(report);
        var text = new StringBuilder();
        Line(text, $"run       {manifest.Run}");
        Line(text, $"task      {manifest.Task.Name} ({manifest.Task.ShotCount} worked examples, {manifest.Prompt.Form})");
        Line(text, $"teacher   {manifest.Model}{(manifest.Endpoint is null ? "" : $" at {manifest.Endpoint}")}, {Plural(manifest.Samples, "sample")} a row");
        Line(text, $"rows      {report.Rows:N0}: {report.Answered:N0} answered, {report.Pending:N0} not asked yet");
        Line(text, $"attempts  {report.Attempts:N0}{(report.Errors.Count == 0 ? "" : $", of which failed: {Counts(report.Errors)}")}");
        if (report.InputTokens is not null || report.OutputTokens is not null)
        {
            string cached = report.CachedTokens > 0 ? string.Create(CultureInfo.InvariantCulture, $", {report.CachedTokens:N0} from the server's cache") : "";
            Line(text, $"tokens    {report.InputTokens ?? 0:N0} read, {report.OutputTokens ?? 0:N0} written{cached}{Estimated(report.EstimatedAttempts)}");
        }
        if (report.Dollars is { } dollars) Line(text, $"spent     ${dollars:0.####}");
        Line(text, $"status    {Counts(report.Statuses)}");
        Line(text, $"answers   {Counts(report.ParseCodes)}");
        if (report.Flags.Count > 0) Line(text, $"flags     {Counts(report.Flags)}");
        if (report.Accuracy is { } accuracy)
            Line(text, $"accuracy  {Share(accuracy)} of {report.GoldRows:N0} answered rows with a gold label");
        if (report.AcceptedAccuracy is { } accepted)
            Line(text, $"          {Share(accepted)} of the {report.AcceptedGoldRows:N0} of them with an accepted answer");
        if (report.TooManyFailed)
        {
            Line(text, $"warning   {report.FailedShare:P1} of the answered rows were not accepted (the task stops above {report.AbortIfFailedOver:P0});");
            Line(text, $"          see rejects.jsonl for the reasons");
        }
        return text.ToString();
    }

    /// <summary>Names with their counts: <c>ok 12, truncated 3</c>.</summary>
    public static string Counts(IReadOnlyList<KeyValuePair<string, int>> counts) => counts.Count == 0
        ? "none"
        : string.Join(", ", counts.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:N0}")));

    /// <summary>How much of a count of tokens is an estimate, where any is.</summary>
    public static string Estimated(int attempts) =>
        attempts == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; estimated for {attempts:N0} attempts, which the server did not count");

    /// <summary>A share with its 95 % interval, in percent.</summary>
    internal static string Share(Proportion share) =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * share.Value:0.00} % (95 %: {100 * share.Low:0.0}–{100 * share.High:0.0})");

    static string Plural(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
