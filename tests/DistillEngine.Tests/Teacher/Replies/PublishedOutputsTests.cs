using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;
using Xunit;

namespace DistillEngine.Tests.Teacher.Replies;

/// <summary>Both sets of rules on what the published teacher really wrote.</summary>
public class PublishedOutputsTests
{
    [Theory]
    [InlineData("cqa", "train", 0.7426)]
    [InlineData("cqa", "test", 0.7723)]
    [InlineData("svamp", "train", 0.735)]
    [InlineData("svamp", "test", 0.74)]
    public void Parse_ByThePublishedRules_ReachesThePublishedAccuracy(string name, string split, double accuracy)
    {
        var task = TaskReader.Load(name);
        var parser = ReplyParsers.For(task, "published");
        var metric = Metric.Named(task.Metric);
        var rows = PublishedOutputs.Read(task, split);
        int correct = rows.Count(pair => parser.Parse(pair.Output, null, pair.Row).Label is { } label
            && (metric.Score(label, pair.Row.Label!, pair.Row.Choices) == 1
            // Python's "and" has a value in the published count.
            || EquationEvaluator.EvaluateWithLogic(label) == EquationEvaluator.EvaluateWithLogic(pair.Row.Label)));
        Assert.Equal(accuracy, (double)correct / rows.Count, 0.00005);
    }

    [Fact]
    public void Parse_ByOurRules_AcceptsEveryPublishedRowThatNamesOneChoice()
    {
        var task = TaskReader.Load("cqa");
        var (ours, published) = (ReplyParsers.For(task), ReplyParsers.For(task, "published"));
        int accepted = 0;
        foreach (string split in (string[])["train", "test"])
        {
            foreach (var (row, output) in PublishedOutputs.Read(task, split))
            {
                var parsed = ours.Parse(output, null, row);
                if (parsed.IsOk) accepted++;
                else Assert.False(string.IsNullOrWhiteSpace(parsed.Reason));
                if (published.Parse(output, null, row).IsOk && NamesOneChoice(output)) Assert.True(parsed.IsOk, $"{output}: {parsed.Reason}");
            }
        }
        Assert.InRange(accepted, 10_600, 10_962);
    }

    [Theory]
    [InlineData(true, 0.776, 0.753)]
    [InlineData(false, 0.767, 0.767)]
    public void Parse_ByOurRules_ReachesTheAccuracyOfTheLetters(bool rejectsAmbiguous, double ofAccepted, double ofAll)
    {
        var task = TaskReader.Load("cqa");
        var parser = new ReplyParser(task with { Parse = task.Parse with { RejectAmbiguous = rejectsAmbiguous } });
        var rows = PublishedOutputs.Read(task, "train");
        int accepted = 0, correct = 0;
        foreach (var (row, output) in rows)
        {
            var parsed = parser.Parse(output, null, row);
            if (!parsed.IsOk) continue;
            accepted++;
            if (parsed.Label == row.Label) correct++;
        }
        Assert.True((double)correct / accepted >= ofAccepted, $"{correct} of {accepted} accepted rows are right.");
        Assert.True((double)correct / rows.Count >= ofAll, $"{correct} of {rows.Count} rows are right.");
    }

    [Theory]
    [InlineData("train", 0.74, 0.95)]
    [InlineData("test", 0.74, 0.95)]
    public void Parse_OfEquations_GivesLabelsInTheStudentsForm(string split, double accuracy, double share)
    {
        var task = TaskReader.Load("svamp");
        var parser = ReplyParsers.For(task);
        var rows = PublishedOutputs.Read(task, split);
        int accepted = 0, correct = 0;
        foreach (var (row, output) in rows)
        {
            var parsed = parser.Parse(output, null, row);
            if (!parsed.IsOk) continue;
            accepted++;
            double value = EquationEvaluator.Evaluate(parsed.Label);
            Assert.True(double.IsFinite(value), parsed.Label);
            if (value == EquationEvaluator.Evaluate(row.Label)) correct++;
        }
        Assert.True((double)correct / rows.Count >= accuracy, $"{correct} of {rows.Count} rows are right.");
        Assert.True((double)accepted / rows.Count >= share, $"{accepted} of {rows.Count} rows are accepted.");
    }

    /// <summary>Whether the last sentence of the answer holds one letter in parentheses.</summary>
    static bool NamesOneChoice(string output)
    {
        string answer = output.Split("Q:")[0].Split("So the answer is")[^1];
        return Enumerable.Range(0, 5).Count(letter => answer.Contains($"({(char)('a' + letter)})", StringComparison.Ordinal)) == 1;
    }
}
