using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Batching;

public class TaskEncoderTests
{
    [Fact]
    public void EncodeInput_OfSegments_JoinsThemByTheClosingId()
    {
        var encoder = Encoder(TaskReader.Load("anli1").Student);
        var ids = new List<int> { 99 };
        encoder.EncodeInput(["P </s>", "H"], TaskKind.Rationale, ids);
        Assert.Equal([99, .. LetterTokenizer.Ids("explain: P </s>"), 1, .. LetterTokenizer.Ids("H"), 1], ids);
        Assert.Equal(ids.Skip(1).Max(), encoder.MaxId);
    }

    [Fact]
    public void Encode_BeyondTheCap_CutsKeepsTheClosingIdAndCounts()
    {
        var student = TaskReader.Load("svamp").Student with { MaxInputTokens = 12, MaxLabelTokens = 3, MaxRationaleTokens = 4 };
        var encoder = Encoder(student);
        List<int> source = [], label = [], rationale = [];
        encoder.EncodeInput(["abcd"], TaskKind.Label, source);
        encoder.EncodeLabel("xyz", label);
        encoder.EncodeRationale("xyz", rationale);
        Assert.Equal([.. LetterTokenizer.Ids("predict: ab"), 1], source);
        Assert.Equal([.. LetterTokenizer.Ids("xy"), 1], label);
        Assert.Equal([.. LetterTokenizer.Ids("xyz"), 1], rationale);
        Assert.Equal((1, 1, 0), (encoder.CutInputs, encoder.CutLabels, encoder.CutRationales));
    }

    [Fact]
    public void Preview_ShowsTextsAndIdsOfBothTasks()
    {
        var row = new RationaleRow { Id = "1", Input = "q", Label = "a", Rationale = "r", Status = RationaleStatus.Ok, Provenance = new() };
        var preview = RowPreview.Of(row, TaskReader.Load("svamp"), new LetterTokenizer());
        Assert.Equal(["explain: q"], preview.ExplainTexts);
        Assert.Equal([.. LetterTokenizer.Ids("predict: q"), 1], preview.PredictIds);
        Assert.Equal([.. LetterTokenizer.Ids("explain: q"), 1], preview.ExplainIds);
        Assert.Equal([.. LetterTokenizer.Ids("a"), 1], preview.LabelIds);
        Assert.Equal([.. LetterTokenizer.Ids("r"), 1], preview.RationaleIds);
        Assert.False(preview.IsCut);
    }

    static TaskEncoder Encoder(StudentOptions student) => new(student, new LetterTokenizer(), TrainingMethod.StepByStep);
}
