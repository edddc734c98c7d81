using System.Globalization;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>What makes two labels one answer: the value of equations, else the text without case, article and final punctuation.</summary>
public static class LabelKey
{
    public static string Of(TaskCategory category, string label)
    {
        ArgumentNullException.ThrowIfNull(label);
        if (category != TaskCategory.Equation) return ChoiceMatch.Simplify(label);
        double value = EquationEvaluator.Evaluate(label);
        // Rounded, so that 10 / 3 * 3 and 10 vote together.
        return double.IsFinite(value) ? value.ToString("G12", CultureInfo.InvariantCulture) : label;
    }
}
