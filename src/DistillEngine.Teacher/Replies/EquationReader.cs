using DistillEngine.Data.Import;

namespace DistillEngine.Teacher.Replies;

/// <summary>Arithmetic: an equation of numbers in the student's form, such as <c>( 7.0 * 30.0 )</c>.</summary>
sealed class EquationReader : IAnswerReader
{
    /// <inheritdoc/>
    public AnswerLabel Read(ReadOnlySpan<char> answer, SourceRow row)
    {
        var equation = EquationText.Parse(answer);
        if (equation.Problem is { } problem)
            return AnswerLabel.None(ParseCode.NotEvaluable, $"{AnswerLabel.Quote(answer)} has no value: {problem}");
        return equation.IsNumber
            ? AnswerLabel.Equation(equation.Text, equation.Value, "number_only")
            : AnswerLabel.Equation(equation.Text, equation.Value);
    }
}
