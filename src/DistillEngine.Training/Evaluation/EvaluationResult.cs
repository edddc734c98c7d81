using System.Globalization;
using DistillEngine.Data.Metrics;

namespace DistillEngine.Training;

/// <summary>How well a model answered labelled rows.</summary>
/// <param name="Metric">Name of the task's metric.</param>
/// <param name="Accuracy">0 … 1.</param>
/// <param name="Interval">95 % interval of the share of right answers; null where the metric is no such share.</param>
public sealed record EvaluationResult(string Metric, double Accuracy, Proportion? Interval, IReadOnlyList<EvaluatedRow> Rows)
{
    /// <summary>In words, as programs print it.</summary>
    /// <param name="digits">Of the percentage behind the point.</param>
    public string Describe(int digits)
    {
        string share = (100 * Accuracy).ToString($"F{digits}", CultureInfo.InvariantCulture), rows = Rows.Count.ToString("N0", CultureInfo.InvariantCulture);
        return Interval is { } interval
            ? string.Create(CultureInfo.InvariantCulture, $"{Metric} accuracy {share} % on {rows} rows (95 %: {100 * interval.Low:F1} to {100 * interval.High:F1})")
            : $"{Metric} {share} % on {rows} rows";
    }
}
