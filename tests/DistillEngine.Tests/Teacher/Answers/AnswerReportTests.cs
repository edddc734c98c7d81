using DistillEngine.Teacher.Answers;
using Xunit;

namespace DistillEngine.Tests.Teacher.Answers;

public class AnswerReportTests
{
    [Fact]
    public void Write_OfAMixedRun_CountsEverything()
    {
        var run = new Answering { Cost = (input, output) => input * 1e-6 + output * 2e-6 }
            .Row("1").Row("2").Row("3").Row("4", gold: null).Row("5").Row("6")
            .Says("1", 'a').Says("2", 'b').Writes("3", "Hm.").Says("4", 'a').Fails("5", "server: 500", 500);
        var report = run.Write();
        Assert.Equal((6, 1, 4, 1), (report.Rows, report.Pending, report.Answered, report.Failed));
        Assert.Equal([new("ok", 3), new("api_error", 1), new("parse_failed", 1)], report.Statuses);
        Assert.Equal([new("ok", 3), new("no_marker", 1)], report.ParseCodes);
        Assert.Equal((400L, 80L, 40L), (report.InputTokens, report.OutputTokens, report.CachedTokens));
        Assert.Equal(400 * 1e-6 + 80 * 2e-6, report.Dollars!.Value, 12);
        Assert.Equal((3, 2, 1), (report.GoldRows, report.AcceptedGoldRows, report.Correct));
        Assert.Equal(1 / 3.0, report.Accuracy!.Value.Value, 12);
        Assert.Equal(0.5, report.AcceptedAccuracy!.Value.Value, 12);
        Assert.False(report.TooManyFailed);
    }

    [Fact]
    public void Write_WithoutGoldLabelsOrCounts_KnowsNoAccuracyAndNoCost()
    {
        var report = new Answering().Row("1", gold: null).Write();
        Assert.Null(report.Accuracy);
        Assert.Null(report.Dollars);
        Assert.Null(report.InputTokens);
        Assert.Equal(1, report.Pending);
    }

    [Theory]
    [InlineData(9, 9, false)]
    [InlineData(10, 3, false)]
    [InlineData(10, 4, true)]
    public void TooManyFailed_LooksAtTheShareOnceThereAreEnoughRows(int answered, int failed, bool expected)
    {
        var run = new Answering();
        run.Task = run.Task with { Parse = run.Task.Parse with { AbortAfter = 10, AbortIfFailedOver = 0.3 } };
        var watch = new FailureWatch(run.Task.Parse);
        bool stops = false;
        for (int i = 0; i < answered; i++)
        {
            run.Row($"{i}");
            if (i < failed) run.Writes($"{i}", "Hm.");
            else run.Says($"{i}", 'a');
            stops = watch.Add(i < failed);
        }
        Assert.Equal(expected, run.Write().TooManyFailed);
        Assert.Equal(expected, stops);
        Assert.Contains($"{failed} of {answered} answers", watch.Describe());
    }

    [Fact]
    public void TooManyFailed_OfFilteredRows_IsFalse()
    {
        var run = new Answering();
        run.Task = run.Task with { Parse = run.Task.Parse with { AbortAfter = 1, AbortIfFailedOver = 0 }, Filter = new() { RequireLabelMatch = true } };
        Assert.False(run.Row("1").Says("1", 'b').Write().TooManyFailed);
    }
}
