namespace DistillEngine.Training;

/// <summary>One answer and the label it was measured against.</summary>
/// <param name="Score">1 where the metric accepts it, else 0.</param>
public sealed record EvaluatedRow(string Id, string Label, string Prediction, double Score);
