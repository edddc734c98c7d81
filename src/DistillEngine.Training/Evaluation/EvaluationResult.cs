using DistillEngine.Data.Metrics;

namespace DistillEngine.Training;

/// <summary>How well a model answered labelled rows.</summary>
/// <param name="Metric">Name of the task's metric.</param>
/// <param name="Accuracy">0 … 1.</param>
/// <param name="Interval">95 % interval of the share of right answers.</param>
public sealed record EvaluationResult(string Metric, double Accuracy, Proportion Interval, IReadOnlyList<EvaluatedRow> Rows);
