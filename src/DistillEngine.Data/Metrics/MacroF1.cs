namespace DistillEngine.Data.Metrics;

/// <summary>
/// Mean over the classes that occur among the labels of 2·TP / (2·TP + FP + FN). A prediction outside those classes is a miss of the
/// label's class and adds no class of its own.
/// </summary>
public sealed class MacroF1 : Metric
{
    public override string Name => "macro_f1";

    public override bool IsProportion => false;

    public override double Score(string prediction, string label, IReadOnlyList<string>? choices = null) =>
        string.Equals(prediction, label, StringComparison.Ordinal) ? 1 : 0;

    public override double Evaluate(IReadOnlyList<string> predictions, IReadOnlyList<string> labels,
        IReadOnlyList<IReadOnlyList<string>?>? choices = null)
    {
        CheckCounts(predictions, labels);
        var counts = new Dictionary<string, (int Right, int Predicted, int Labelled)>(StringComparer.Ordinal);
        foreach (string label in labels)
        {
            var count = counts.GetValueOrDefault(label);
            counts[label] = count with { Labelled = count.Labelled + 1 };
        }
        for (int row = 0; row < labels.Count; row++)
        {
            if (!counts.TryGetValue(predictions[row], out var count)) continue;
            bool isRight = string.Equals(predictions[row], labels[row], StringComparison.Ordinal);
            counts[predictions[row]] = count with { Right = count.Right + (isRight ? 1 : 0), Predicted = count.Predicted + 1 };
        }
        double sum = 0;
        foreach (var (right, predicted, labelled) in counts.Values) sum += 2.0 * right / (predicted + labelled);
        return sum / counts.Count;
    }
}
