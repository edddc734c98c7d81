using DistillEngine.Data.Batching;
using DistillEngine.Data.Rationales;
using DistillEngine.Teacher.Answers;
using Xunit;

namespace DistillEngine.Tests.Teacher.Answers;

public class AnswerFilesTests
{
    [Fact]
    public void Write_OfAnAcceptedAnswer_GivesAWholeRow()
    {
        var run = new Answering { Cost = (input, output) => (input + output) / 1000.0 }.Row("1").Says("1", 'a');
        run.Write();
        var row = Assert.Single(run.Read());
        Assert.Empty(run.ReadRejects());
        Assert.Equal(("cqa/train/1", "Question 1?", "x", "x", "Because of reason 0 of row 1."),
            (row.Id, row.Input, row.Label, row.TeacherLabel, row.Rationale));
        Assert.Equal((RationaleStatus.Ok, 1.0, "train"), (row.Status, row.Weight, row.Split));
        Assert.Empty(row.Flags);
        Assert.Equal(new Vote(1, 1, 1, "majority", false), row.Vote);
        Assert.Equal(new TeacherSample(0, "x", "ok", "stop", 100, 20, "1-0"), Assert.Single(row.Samples));
        Assert.Equal(new TeacherUsage(100, 20, 10, 0.12), row.Usage);
        Assert.Equal(("test", "teacher-1", "t", "2026-01-02T03:04:05Z"),
            (row.Provenance.Run, row.Provenance.Model, row.Provenance.TaskSha, row.Provenance.Created));
        Assert.Equal("""["x","y","z"]""", row.Field("choices"));
    }

    [Fact]
    public void Write_OfAJournalInAnotherOrder_KeepsTheOrderOfTheInput()
    {
        var run = new Answering().Row("1").Row("2").Row("3").Says("3", 'a').Says("1", 'a').Says("2", 'a');
        run.Write();
        Assert.Equal(["cqa/train/1", "cqa/train/2", "cqa/train/3"], run.Read().Select(row => row.Id));
    }

    [Fact]
    public void Write_OfTheSameJournal_GivesTheSameBytes()
    {
        byte[][] Bytes()
        {
            var run = new Answering { Samples = 2 }.Row("1").Row("2").Row("3").Says("1", 'a').Says("1", 'b', 1).Says("2", 'a').Writes("3", "No.");
            run.Write();
            return [.. ((string[])[AnswerFiles.RationalesName, AnswerFiles.RejectsName]).Select(name => File.ReadAllBytes(Path.Combine(run.Folder, name)))];
        }

        Assert.Equal(Bytes(), Bytes());
    }

    [Theory]
    [InlineData("I think it is x.", "stop", RationaleStatus.ParseFailed, "no_marker", null)]
    [InlineData("It depends on them. So the answer is (a) or (b).", "stop", RationaleStatus.ParseFailed, "ambiguous", null)]
    [InlineData("It depends on them. So the answer is nothing.", "stop", RationaleStatus.ParseFailed, "not_in_label_set", null)]
    [InlineData("So the answer is (a).", "stop", RationaleStatus.Filtered, "empty_rationale", "x")]
    [InlineData("It depends on them", "length", RationaleStatus.Truncated, "truncated", null)]
    [InlineData("I'm sorry, but no.", "stop", RationaleStatus.Refused, "refusal", null)]
    [InlineData("la la la la la la la la. So the answer is (a).", "stop", RationaleStatus.Filtered, "loop", "x")]
    public void Write_OfARejectedAnswer_KeepsTheGoldLabelAndTellsWhy(string text, string finish, RationaleStatus status, string code, string? label)
    {
        var run = new Answering().Row("1").Writes("1", text, finish: finish);
        run.Write();
        var (row, reject) = (Assert.Single(run.Read()), Assert.Single(run.ReadRejects()));
        Assert.Equal((status, "x", label, null, null), (row.Status, row.Label, row.TeacherLabel, row.Rationale, row.Raw));
        Assert.Contains(code, row.Flags);
        Assert.StartsWith($"{code}: ", reject.Reason);
        Assert.Equal(text, reject.Raw);
        Assert.Equal(code, Assert.Single(reject.Samples).Parse);
    }

    [Fact]
    public void Write_OfRowsWithoutAnAnswer_TellsFailedFromPending()
    {
        var run = new Answering().Row("1").Row("2").Row("3").Says("1", 'a').Fails("2", "server: 503 busy", 503).Fails("2", "timeout: none within 60 s", 0);
        var report = run.Write();
        Assert.Equal(["cqa/train/1", "cqa/train/2"], run.Read().Select(row => row.Id));
        var reject = Assert.Single(run.ReadRejects());
        Assert.Equal((RationaleStatus.ApiError, "timeout: none within 60 s"), (reject.Status, reject.Reason));
        Assert.Equal((3, 1, 1, 0, 3), (report.Rows, report.Answered, report.Pending, report.Failed, report.Attempts));
        Assert.Equal([new("server", 1), new("timeout", 1)], report.Errors);
    }

    [Fact]
    public void Write_OfARowThatWasAnsweredAfterErrors_UsesTheAnswer()
    {
        var run = new Answering().Row("1").Fails("1", "server: 500", 500).Says("1", 'a').Fails("1", "server: late", 500);
        run.Write();
        Assert.Equal(RationaleStatus.Ok, Assert.Single(run.Read()).Status);
    }

    [Fact]
    public void Write_OfTwoAnswersToOneRequest_UsesTheFirst()
    {
        var run = new Answering().Row("1").Says("1", 'a').Says("1", 'b');
        run.Write();
        Assert.Equal("x", Assert.Single(run.Read()).TeacherLabel);
    }

    [Fact]
    public void Write_OfARowAskedAgainInAnotherWay_UsesTheLastAnswer()
    {
        var run = new Answering().Row("1").Writes("1", "It goes on and on", finish: "length", requestKey: "short")
            .Writes("1", "It goes on and ends. So the answer is (b).", requestKey: "long");
        run.Write();
        Assert.Equal("y", Assert.Single(run.Read()).TeacherLabel);
    }

    [Fact]
    public void Write_WithKeys_SharesAnswersOfEqualRequestsAndIgnoresOthers()
    {
        var run = new Answering { KeyOf = (row, sample) => row.Source.Input }.Row("1", input: "same").Row("2", input: "same").Row("3", input: "other")
            .Writes("1", "Because of this. So the answer is (a).", requestKey: "same").Writes("3", "Because of that. So the answer is (a).",
                requestKey: "of another plan");
        var report = run.Write();
        Assert.Equal(["cqa/train/1", "cqa/train/2"], run.Read().Select(row => row.Id));
        Assert.Equal(1, report.Pending);
    }

    [Fact]
    public void Write_WhereTheTeacherIsWrong_FlagsOrFilters()
    {
        var run = new Answering().Row("1").Row("2", gold: null).Says("1", 'b').Says("2", 'b');
        run.Write();
        Assert.Equal([["label_mismatch"], []], run.Read().Select(row => row.Flags));
        run.Task = run.Task with { Filter = new() { RequireLabelMatch = true } };
        run.Write();
        var rows = run.Read();
        Assert.Equal([RationaleStatus.Filtered, RationaleStatus.Ok], rows.Select(row => row.Status));
        Assert.Empty(rows[0].TrainableRationales());
        Assert.Contains("'y' is not the gold label 'x'", Assert.Single(run.ReadRejects()).Reason);
    }

    [Fact]
    public void Write_OfEqualInputs_KeepsTheFirstAcceptedOneWhereTheTaskSaysSo()
    {
        var run = new Answering().Row("1", input: "same").Row("2", input: "same").Row("3", input: "same").Writes("1", "Hm.").Says("2", 'a').Says("3", 'a');
        run.Write();
        Assert.Equal(3, run.Read().Count);
        run.Task = run.Task with { Filter = new() { DedupeInput = true } };
        run.Write();
        Assert.Equal(["cqa/train/1", "cqa/train/2"], run.Read().Select(row => row.Id));
        var duplicate = run.ReadRejects()[^1];
        Assert.Equal(("cqa/train/3", RationaleStatus.Filtered), (duplicate.Id, duplicate.Status));
        Assert.Contains("cqa/train/2", duplicate.Reason);
    }

    [Fact]
    public void Write_OfEqualRationales_FlagsTheLaterOne()
    {
        var run = new Answering().Row("1").Row("2").Says("1", 'a', rationale: "It is what it is.").Says("2", 'a', rationale: "It is  what it is.");
        run.Write();
        Assert.Equal([[], ["near_duplicate"]], run.Read().Select(row => row.Flags));
    }

    [Fact]
    public void Write_ByThePublishedRules_KeepsAnEmptyRationaleWithAFlag()
    {
        var run = new Answering { Parser = "published" }.Row("1").Writes("1", "So the answer is (a) x.");
        run.Write();
        var row = Assert.Single(run.Read());
        Assert.Equal(("x", null, RationaleStatus.Ok), (row.TeacherLabel, row.Rationale, row.Status));
        Assert.Contains("empty_rationale", row.Flags);
    }

    [Fact]
    public void Write_OfAHugeAnswer_ClipsItInTheRejects()
    {
        var run = new Answering().Row("1").Writes("1", string.Concat(Enumerable.Repeat("\ud83d\ude00", 5_000_000)));
        run.Write();
        Assert.InRange(Assert.Single(run.ReadRejects()).Raw!.Length, 16_000, 17_000);
    }

    [Fact]
    public void Write_OfAll_FeedsTraining()
    {
        var run = new Answering().Row("1").Row("2").Row("3", gold: null).Says("1", 'a').Writes("2", "Hm.").Says("3", 'b');
        run.Write();
        Assert.True(RationaleReader.Validate(Path.Combine(run.Folder, AnswerFiles.RationalesName), run.Task).IsValid);
        Assert.True(RationaleReader.Validate(Path.Combine(run.Folder, AnswerFiles.RejectsName), run.Task).IsValid);
        var examples = TrainingSelection.Select(run.Read(), run.Task, LabelSource.GoldElseTeacher, MismatchRule.Keep, out var selection);
        Assert.Equal((3, 2), (examples.Count, selection.WithRationale));
        Assert.Equal(["x", "x", "y"], examples.Select(example => example.Label));
    }
}
