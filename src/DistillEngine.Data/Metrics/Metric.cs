namespace DistillEngine.Data.Metrics;

/// <summary>How good predicted labels are.</summary>
public abstract class Metric
{
    /// <summary>Names that tasks may use.</summary>
    public static IReadOnlyList<string> Names { get; } = ["exact", "choice", "equation_value", "macro_f1"];

    public abstract string Name { get; }

    /// <summary>Whether <see cref="Evaluate"/> is the share of rows with score 1, which has an interval.</summary>
    public virtual bool IsProportion => true;

    /// <exception cref="ArgumentException">The name is not one of <see cref="Names"/>.</exception>
    public static Metric Named(string name) => name switch
    {
        "exact" => new ExactMatch(),
        "choice" => new ChoiceMatch(),
        "equation_value" => new EquationValue(),
        "macro_f1" => new MacroF1(),
        _ => throw new ArgumentException($"'{name}' is not a metric ({DataError.Suggest(name, Names)}).", nameof(name)),
    };

    /// <summary>Whether one prediction is right, 0 or 1.</summary>
    /// <param name="choices">The possible labels of the row, where it has such; others than <see cref="ChoiceMatch"/> do without.</param>
    public abstract double Score(string prediction, string label, IReadOnlyList<string>? choices = null);

    /// <summary>Value over all rows, 0 to 1: the mean of the scores, unless the metric says otherwise.</summary>
    /// <param name="choices">Null, or the possible labels of every row.</param>
    /// <exception cref="ArgumentException">The lists differ in length or are empty.</exception>
    public virtual double Evaluate(IReadOnlyList<string> predictions, IReadOnlyList<string> labels,
        IReadOnlyList<IReadOnlyList<string>?>? choices = null)
    {
        CheckCounts(predictions, labels);
        double sum = 0;
        for (int row = 0; row < labels.Count; row++) sum += Score(predictions[row], labels[row], choices?[row]);
        return sum / labels.Count;
    }

    private protected static void CheckCounts(IReadOnlyList<string> predictions, IReadOnlyList<string> labels)
    {
        if (predictions.Count != labels.Count || labels.Count == 0)
            throw new ArgumentException($"{predictions.Count} predictions for {labels.Count} labels "
                + "(expected one each, and at least one).");
    }
}
