using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Replies;
using DistillEngine.Tests.Data;
using DistillEngine.Tests.Teacher.Replies;
using Xunit;

namespace DistillEngine.Tests.Teacher.Answers;

/// <summary>What the published teacher wrote, as if it had been the answer to a run's questions.</summary>
public class PublishedRunTests
{
    [Theory]
    [InlineData("cqa", "train", "task", true, 0.753, 0.776)]
    [InlineData("cqa", "train", "task", false, 0.767, 0.767)]
    [InlineData("cqa", "train", "published", true, 0.7426, 0.7428)]
    [InlineData("cqa", "test", "published", true, 0.7723, 0.7723)]
    [InlineData("svamp", "train", "published", true, 0.735, 0.747)]
    [InlineData("svamp", "test", "published", true, 0.74, 0.747)]
    [InlineData("svamp", "train", "task", true, 0.742, 0.77)]
    public void Write_OfThePublishedOutputs_ReportsTheirAccuracy(string name, string split, string parser, bool rejectsAmbiguous, double ofAll,
        double ofAccepted)
    {
        var task = TaskReader.Load(name);
        task = task with { Parse = task.Parse with { RejectAmbiguous = rejectsAmbiguous } };
        var rows = new List<TeacherRow>();
        var journal = new List<JournalEntry>();
        foreach (var (row, output) in PublishedOutputs.Read(task, split))
        {
            string id = $"{name}/{split}/{rows.Count}";
            rows.Add(new(id, split, row));
            journal.Add(new() { Time = default, Key = id, Id = id, Sample = 0, Attempt = 1, Status = 200, Text = output });
        }
        string folder = DataFiles.TemporaryFolder();

        var report = AnswerFiles.Write(folder, rows, new(journal), new() { Task = task, Parser = ReplyParsers.For(task, parser), Provenance = new() });

        Assert.Equal((rows.Count, rows.Count, rows.Count), (report.Rows, report.Answered, report.GoldRows));
        Assert.False(report.TooManyFailed);
        Assert.True(report.Accuracy!.Value.Value >= ofAll - 0.00005, $"{report.Accuracy}");
        Assert.True(report.AcceptedAccuracy!.Value.Value >= ofAccepted - 0.00005, $"{report.AcceptedAccuracy}");
        if (parser == "published") Assert.Equal(ofAll, report.Accuracy.Value.Value, 0.00005);
        var validation = RationaleReader.Validate(Path.Combine(folder, AnswerFiles.RationalesName), task);
        Assert.True(validation.IsValid, string.Join("\n", validation.Errors));
        Assert.Equal(rows.Count, validation.Rows);
        Assert.All(RationaleReader.Read(Path.Combine(folder, AnswerFiles.RejectsName)), row => Assert.False(string.IsNullOrWhiteSpace(row.Reason)));
    }
}
