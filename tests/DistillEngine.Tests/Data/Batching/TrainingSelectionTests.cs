using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Batching;

public class TrainingSelectionTests
{
    static readonly RationaleRow[] Rows =
    [
        Row("right", "( 2.0 )", "(1 + 1)", "r1", RationaleStatus.Ok) with { Rationales = ["r1", "r1b"], Weight = 0.5 },
        Row("wrong", "( 2.0 )", "(3)", "r2", RationaleStatus.Ok),
        Row("unparsed", "( 2.0 )", null, "r3", RationaleStatus.ParseFailed),
        Row("unlabelled", null, "(4)", "r4", RationaleStatus.Ok),
        Row("filtered", null, "(5)", "r5", RationaleStatus.Filtered),
    ];

    [Theory]
    [InlineData(LabelSource.Gold, MismatchRule.Keep, "right=( 2.0 )+2 wrong=( 2.0 )+1 unparsed=( 2.0 )+0")]
    [InlineData(LabelSource.Gold, MismatchRule.Drop, "right=( 2.0 )+2 unparsed=( 2.0 )+0")]
    [InlineData(LabelSource.Teacher, MismatchRule.Keep, "right=(1 + 1)+2 wrong=(3)+1 unlabelled=(4)+1")]
    [InlineData(LabelSource.GoldElseTeacher, MismatchRule.Drop, "right=( 2.0 )+2 unparsed=( 2.0 )+0 unlabelled=(4)+1")]
    public void Select_FollowsLabelSourceAndMismatchRule(LabelSource source, MismatchRule rule, string expected)
    {
        var examples = TrainingSelection.Select(Rows, TaskReader.Load("svamp"), source, rule, out var report);
        Assert.Equal(expected, string.Join(' ', examples.Select(example => $"{example.Id}={example.Label}+{example.Rationales.Count}")));
        Assert.Equal((5, examples.Count, 1), (report.Rows, report.Selected, report.Mismatched));
        Assert.Equal(0.5f, examples[0].Weight);
    }

    [Fact]
    public void Select_WhenNothingIsLeft_SaysWhy() =>
        Assert.Contains("2 rows have no label",
            Assert.Throws<InvalidDataException>(() => TrainingSelection.Select(Rows[3..], TaskReader.Load("svamp"), LabelSource.Gold,
                MismatchRule.Keep, out _)).Message);

    [Fact]
    public void Select_OfATeachersLabelThatTheTaskDoesNotHave_NamesRowAndLabel()
    {
        RationaleRow row = Row("nli", "neutral", "perhaps", null, RationaleStatus.Ok) with { Fields = [new("premise", "P"), new("hypothesis", "H")] };
        TaskDefinition task = TaskReader.Load("esnli");
        Assert.Single(TrainingSelection.Select([row], task, LabelSource.Gold, MismatchRule.Keep, out _));
        string message = Assert.Throws<InvalidDataException>(() => TrainingSelection.Select([row], task, LabelSource.Teacher, MismatchRule.Keep, out _)).Message;
        Assert.StartsWith("row nli: teacher_label: is 'perhaps' (expected one of ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Segments_WhenAFieldIsMissing_NamesRowAndField()
    {
        var row = Row("nli", "neutral", null, null, RationaleStatus.Ok) with { Fields = [new("premise", "P")] };
        string message = Assert.Throws<InvalidDataException>(() => TrainingSelection.Segments(row, TaskReader.Load("esnli"))).Message;
        Assert.Contains("row nli", message);
        Assert.Contains("'hypothesis' has no value", message);
    }

    [Fact]
    public void ValidationSplit_IsSeededCompleteAndInFileOrder()
    {
        int[] rows = [.. Enumerable.Range(0, 40)];
        var (train, valid) = ValidationSplit.Of(rows, 0.1, 3);
        Assert.Equal((36, 4), (train.Count, valid.Count));
        Assert.Equal(rows, train.Concat(valid).Order());
        Assert.Equal(valid.Order(), valid);
        Assert.Equal(valid, ValidationSplit.Of(rows, 4, 3).Valid);
        Assert.NotEqual(valid, ValidationSplit.Of(rows, 4, 4).Valid);
        Assert.Empty(ValidationSplit.Of(rows, 0, 4).Valid);
        Assert.Throws<ArgumentOutOfRangeException>(() => ValidationSplit.Of(rows, 40, 4));
    }

    static RationaleRow Row(string id, string? label, string? teacher, string? rationale, RationaleStatus status) =>
        new() { Id = id, Input = id, Label = label, TeacherLabel = teacher, Rationale = rationale, Status = status, Provenance = new() };
}
