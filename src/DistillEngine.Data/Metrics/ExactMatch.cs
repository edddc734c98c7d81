namespace DistillEngine.Data.Metrics;

/// <summary>A prediction is right when its text equals the label's, character by character.</summary>
public sealed class ExactMatch : Metric
{
    public override string Name => "exact";

    public override double Score(string prediction, string label, IReadOnlyList<string>? choices = null) =>
        string.Equals(prediction, label, StringComparison.Ordinal) ? 1 : 0;
}
