using DistillEngine.Data.Metrics;
using Xunit;

namespace DistillEngine.Tests.Data.Metrics;

public class MetricTests
{
    static readonly string[] Choices = ["bus depot", "the beach", "train station", "bridge", "bridge"];

    [Theory]
    [InlineData("(b)", "the beach", 1)]
    [InlineData("b", "the beach", 1)]
    [InlineData("B.", "the beach", 1)]
    [InlineData("(b) or (c)", "the beach", 0)]
    [InlineData("(b), yes (b)", "the beach", 1)]
    [InlineData("Beach.", "the beach", 1)]
    [InlineData("probably the train station", "train station", 1)]
    [InlineData("train station or bus depot", "train station", 0)]
    [InlineData("(e)", "bridge", 1)]
    [InlineData("", "bridge", 0)]
    [InlineData("(z)", "bridge", 0)]
    [InlineData("bridges", "bridge", 0)]
    public void Choice_WithChoices_FindsTheOneNamed(string prediction, string label, double expected) =>
        Assert.Equal(expected, new ChoiceMatch().Score(prediction, label, Choices));

    [Fact]
    public void Choice_WithoutChoices_ComparesSimplifiedTexts()
    {
        Assert.Equal(1, new ChoiceMatch().Score("The  Beach.", "beach"));
        Assert.Equal(0, new ChoiceMatch().Score("", ""));
    }

    [Fact]
    public void MacroF1_OfThreeClasses_IsTheMeanOfTheirF1()
    {
        // a: TP 1, FP 1, FN 1 → 1/2; b: TP 1, FN 1 → 2/3; c: TP 0, FN 1 → 0. "x" is no class.
        string[] labels = ["a", "a", "b", "b", "c"], predictions = ["a", "x", "b", "a", "x"];
        Assert.Equal((0.5 + 2.0 / 3 + 0) / 3, new MacroF1().Evaluate(predictions, labels), 1e-15);
    }

    [Fact]
    public void Exact_WhenOnlyCaseDiffers_IsWrong() => Assert.Equal(0.5, new ExactMatch().Evaluate(["Yes", "no"], ["yes", "no"]));

    [Fact]
    public void Evaluate_WhenCountsDiffer_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new ExactMatch().Evaluate(["a"], ["a", "b"]));

    [Fact]
    public void Named_WhenMisspelt_SuggestsTheRightName() =>
        Assert.Contains("did you mean 'exact'?", Assert.Throws<ArgumentException>(() => Metric.Named("exakt")).Message);

    [Fact]
    public void Wilson_Of147Of200_IsTheKnownInterval()
    {
        // Computed from the closed form with z = 1.959963984540054.
        var proportion = Proportion.Wilson(147, 200);
        Assert.Equal(0.735, proportion.Value);
        Assert.Equal(0.6698242380737758, proportion.Low, 1e-12);
        Assert.Equal(0.7913184585289088, proportion.High, 1e-12);
        Assert.Equal(0, Proportion.Wilson(0, 10).Low);
        Assert.Equal(1, Proportion.Wilson(10, 10).High, 1e-12);
    }
}
