namespace DistillEngine.Data.Metrics;

/// <summary>A prediction is right when it has exactly the label's value; what has no value is never right.</summary>
public sealed class EquationValue : Metric
{
    public override string Name => "equation_value";

    public override double Score(string prediction, string label, IReadOnlyList<string>? choices = null) =>
        // NaN equals nothing, itself included, as in the published metric.
        EquationEvaluator.Evaluate(prediction) == EquationEvaluator.Evaluate(label) ? 1 : 0;
}
