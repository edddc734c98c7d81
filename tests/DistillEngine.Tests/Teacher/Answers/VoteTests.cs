using DistillEngine.Data.Rationales;
using Xunit;

namespace DistillEngine.Tests.Teacher.Answers;

public class VoteTests
{
    [Theory]
    // Letters of the samples; '-' stands for an answer that does not parse, '!' for none.
    [InlineData("aab", "x", 2, 3, false)]
    [InlineData("baa", "x", 2, 3, false)]
    [InlineData("abc", "x", 1, 3, true)]
    [InlineData("cba", "z", 1, 3, true)]
    [InlineData("abba", "x", 2, 4, true)]
    [InlineData("-b-", "y", 1, 1, false)]
    [InlineData("bb!", "y", 2, 2, false)]
    [InlineData("!-c", "z", 1, 1, false)]
    public void Write_OfSeveralSamples_TakesTheMajority(string letters, string label, int agree, int valid, bool isTie)
    {
        var run = new Answering { Samples = letters.Length }.Row("1");
        for (int i = 0; i < letters.Length; i++)
        {
            if (letters[i] == '-') run.Writes("1", "Hm.", i);
            else if (letters[i] != '!') run.Says("1", letters[i], i);
        }
        run.Write();
        var row = Assert.Single(run.Read());
        Assert.Equal(label, row.TeacherLabel);
        Assert.Equal(new Vote(letters.Length, valid, agree, "majority", isTie), row.Vote);
        Assert.Equal((double)agree / letters.Length, row.Weight);
        Assert.Equal(isTie, row.Flags.Contains("tie"));
        Assert.Equal(letters.Contains('!'), row.Flags.Contains("missing_samples"));
        Assert.Equal(letters.Count(letter => letter != '!'), row.Samples.Count);
    }

    [Fact]
    public void Write_OfAgreeingSamples_KeepsEachRationaleOnce()
    {
        var run = new Answering { Samples = 5 }.Row("1").Says("1", 'a', 0, "First of the reasons.").Says("1", 'b', 1, "Another label's reason.")
            .Says("1", 'a', 2, "first of  the reasons").Says("1", 'a', 3, "Second of the reasons.").Says("1", 'a', 4, "Third of the reasons.");
        run.Write();
        var row = Assert.Single(run.Read());
        Assert.Equal("First of the reasons.", row.Rationale);
        Assert.Equal(["Second of the reasons.", "Third of the reasons."], row.Rationales);
        Assert.Equal(3, row.TrainableRationales().Count());
    }

    [Fact]
    public void Write_OfEquations_LetsThemVoteByValue()
    {
        var run = new Answering("svamp") { Samples = 3 }.Row("1", gold: "( 2.0 + 3.0 )")
            .Writes("1", "One of the ways. The answer is (9 - 1).", 0).Writes("1", "One of the ways. The answer is (2 + 3).", 1).Writes("1",
                "Another way it goes. The answer is (3 + 2) = 5.", 2);
        run.Write();
        var row = Assert.Single(run.Read());
        Assert.Equal(("( 2.0 + 3.0 )", 2), (row.TeacherLabel, row.Vote!.Agree));
        Assert.DoesNotContain("label_mismatch", row.Flags);
    }

    [Theory]
    [InlineData(0.6, RationaleStatus.Ok)]
    [InlineData(0.7, RationaleStatus.Filtered)]
    public void Write_OfLittleAgreement_FiltersWhereTheTaskSaysSo(double least, RationaleStatus status)
    {
        var run = new Answering { Samples = 3 }.Row("1").Says("1", 'a', 0).Says("1", 'a', 1).Says("1", 'b', 2);
        run.Task = run.Task with { Filter = new() { MinAgreement = least } };
        run.Write();
        var row = Assert.Single(run.Read());
        Assert.Equal(status, row.Status);
        Assert.Equal(status == RationaleStatus.Filtered, row.Flags.Contains("low_agreement"));
    }

    [Fact]
    public void Write_OfSamplesThatAllFail_GivesTheMostFrequentCause()
    {
        var run = new Answering { Samples = 3 }.Row("1").Writes("1", "I'm sorry, no.", 0).Writes("1", "Hm.", 1).Writes("1", "Hm!", 2);
        run.Write();
        var reject = Assert.Single(run.ReadRejects());
        Assert.Equal(RationaleStatus.ParseFailed, reject.Status);
        Assert.StartsWith("no_marker (2 of 3): ", reject.Reason);
        Assert.Contains("refusal (1 of 3): ", reject.Reason);
        Assert.Equal("Hm.", reject.Raw);
        Assert.Equal(new Vote(3, 0, 0, "majority", false), reject.Vote);
    }
}
