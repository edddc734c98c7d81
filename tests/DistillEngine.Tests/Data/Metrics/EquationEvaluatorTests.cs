using DistillEngine.Data.Metrics;
using Xunit;

namespace DistillEngine.Tests.Data.Metrics;

public class EquationEvaluatorTests
{
    /// <summary>Values that Python gives.</summary>
    [Theory]
    [InlineData("-2 ** 2", -4)]
    [InlineData("2 ** 3 ** 2", 512)]
    [InlineData("2 ** -1", 0.5)]
    [InlineData("-7 // 2", -4)]
    [InlineData("7 // -2", -4)]
    [InlineData("-7 % 3", 2)]
    [InlineData("7 % -3", -2)]
    [InlineData("7.5 // 2", 3)]
    [InlineData("1 - 2 - 3", -4)]
    [InlineData("8 / 4 / 2", 1)]
    [InlineData("2 + 3 * 4", 14)]
    [InlineData("(2 + 3) * 4", 20)]
    [InlineData("1e-2", 0.01)]
    [InlineData("0_0", 0)]
    [InlineData("08.5", 8.5)]
    [InlineData("(1\n+\n2)", 3)]
    [InlineData("5 // 1e400", 0)]
    [InlineData("-5 // 1e400", -1)]
    [InlineData("7\n\n", 7)]
    public void Evaluate_Arithmetic_IsPythonsValue(string text, double expected) =>
        Assert.Equal(expected, EquationEvaluator.Evaluate(text));

    [Theory]
    [InlineData("1\n+ 2")]
    [InlineData("\n 7")]
    [InlineData("0 ** -1")]
    [InlineData("10.0 ** 400")]
    [InlineData("(-8) ** 0.5")]
    [InlineData("* 2")]
    [InlineData("2 *")]
    [InlineData("2 * * 3")]
    [InlineData("7 / / 2")]
    [InlineData("1__0")]
    [InlineData("1_")]
    [InlineData("1e")]
    [InlineData("1.2.3")]
    [InlineData("٣")]
    [InlineData("nan")]
    [InlineData("inf")]
    [InlineData("3 or 4")]
    [InlineData("import os")]
    public void Evaluate_AnythingElse_IsNaN(string text) => Assert.True(double.IsNaN(EquationEvaluator.Evaluate(text)));

    [Fact]
    public void Evaluate_WhenNestingIsDeep_IsNaNAndDoesNotOverflowTheStack()
    {
        Assert.True(double.IsNaN(EquationEvaluator.Evaluate(new string('(', 1_000_000))));
        Assert.True(double.IsNaN(EquationEvaluator.Evaluate(string.Concat(Enumerable.Repeat("2**", 100_000)) + "1")));
        Assert.Equal(1, EquationEvaluator.Evaluate(new string('(', 150) + "1" + new string(')', 150)));
        Assert.Equal(3, EquationEvaluator.Evaluate(new string('-', 1_000_000) + "3"));
    }

    [Theory]
    [InlineData("(34 + 40) and (62 - 17)", 45)]
    [InlineData("0 and 5", 0)]
    [InlineData("0 or 5", 5)]
    [InlineData("2 or 5 and 3", 2)]
    [InlineData("((1) and (2)) + 1", 3)]
    public void EvaluateWithLogic_OfNumbers_IsPythonsValue(string text, double expected) =>
        Assert.Equal(expected, EquationEvaluator.EvaluateWithLogic(text));
}
