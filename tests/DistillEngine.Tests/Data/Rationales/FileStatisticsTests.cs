using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Rationales;

public class FileStatisticsTests
{
    [Fact]
    public void Of_CountsRowsLengthsAndTheTeachersAccuracy()
    {
        RationaleRow[] rows =
        [
            Row("1", "( 1 + 1 )", "(2)", "one and one", RationaleStatus.Ok),
            Row("2", "( 2 )", "(3)", "no idea at all", RationaleStatus.Ok, "label_mismatch"),
            Row("3", "( 2 )", null, null, RationaleStatus.ParseFailed),
            Row("4", "( 2 )", null, null, RationaleStatus.ApiError),
            Row("5", null, "(2)", "why", RationaleStatus.Ok),
        ];
        var statistics = FileStatistics.Of(rows, TaskReader.Load("svamp"), new LetterTokenizer());
        Assert.Equal((5, 3, 3, 1), (statistics.Rows, statistics.WithRationale, statistics.TeacherRows, statistics.TeacherCorrect));
        Assert.Equal([new("ok", 3), new("api_error", 1), new("parse_failed", 1)], statistics.Statuses);
        Assert.Equal([new("label_mismatch", 1)], statistics.Flags);
        Assert.Equal([new("( 2 )", 3), new("( 1 + 1 )", 1)], statistics.Labels);
        Assert.Equal(new LengthSummary(3, 8.0 / 3, 4, 4), statistics.Words[2].Value);
        Assert.Equal(new LengthSummary(3, (11 + 14 + 3) / 3.0, 14, 14), statistics.Tokens[2].Value);
        Assert.Empty(FileStatistics.Of(rows, TaskReader.Load("svamp")).Tokens);
    }

    [Fact]
    public void LengthSummary_OfOneToHundred_HasTheNinetyFifth() =>
        Assert.Equal(new LengthSummary(100, 50.5, 95, 100), LengthSummary.Of([.. Enumerable.Range(1, 100)]));

    static RationaleRow Row(string id, string? label, string? teacher, string? rationale, RationaleStatus status, params string[] flags) =>
        new()
        {
            Id = id,
            Input = "two words",
            Label = label,
            TeacherLabel = teacher,
            Rationale = rationale,
            Status = status,
            Flags = flags,
            Provenance = new(),
        };
}
