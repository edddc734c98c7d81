using System.Text;
using System.Text.Json;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Teacher.Reports;
using DistillEngine.Tests.Data;
using DistillEngine.Tests.Teacher.Replies;
using Xunit;

namespace DistillEngine.Tests.Teacher.Reports;

public class RunFolderTests
{
    static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void Parse_OfAStartersRun_WritesAllFiles()
    {
        var run = StarterRun("mc", "Nobody walks in snow without boots. So the answer is (a) boots.", "A clock shows the time. So the answer is (b) or (a).", null);
        var report = run.Parse(finished: Start.AddHours(1));
        Assert.Equal((3, 2, 1), (report.Rows, report.Answered, report.Pending));
        Assert.Equal(["README.md", "journal.jsonl", "manifest.json", "rationales.jsonl", "rejects.jsonl"], Directory.GetFiles(run.FolderPath).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var rows = RationaleReader.ReadAll(Path.Combine(run.FolderPath, AnswerFiles.RationalesName), run.Shots.Task);
        Assert.Equal([RationaleStatus.Ok, RationaleStatus.ParseFailed], rows.Select(row => row.Status));
        Assert.Equal(("run", "teacher-1", run.Shots.TaskSha256, run.Renderer.Sha256), (rows[0].Provenance.Run, rows[0].Provenance.Model, rows[0].Provenance.TaskSha, rows[0].Provenance.PromptSha));
        var manifest = ManifestFile.Read(run.FolderPath);
        Assert.Equal(Start.AddHours(1), manifest.Finished);
        Assert.Equal(1, manifest.Results!.Parse["ambiguous"]);
        Assert.Equal(2e-3, manifest.Results.SpentUsd!.Value, 9);
        Assert.Equal(run.Inspect().Statuses, report.Statuses);
    }

    [Fact]
    public void Parse_ByAnotherRule_ReplacesTheFilesAndIsRemembered()
    {
        var run = StarterRun("mc", "Nobody walks in snow without boots. So the answer is (a) boots.", "A clock shows the time. So the answer is (b) or (a).", null);
        run.Parse();
        run.Parse(onAmbiguous: "first");
        var again = RunFolder.Open(run.FolderPath);
        Assert.Equal("first", again.Manifest.OnAmbiguous);
        again.Parse();
        Assert.Equal(["boots", "a clock"], RationaleReader.ReadAll(Path.Combine(run.FolderPath, AnswerFiles.RationalesName)).Select(row => row.TeacherLabel));
        Assert.Throws<ArgumentException>(() => run.Parse(onAmbiguous: "last"));
        Assert.Throws<ArgumentException>(() => run.Parse("published"));
    }

    [Fact]
    public void Open_WhereTheInputChanged_SaysSo()
    {
        var run = StarterRun("nli", null, null, null);
        File.AppendAllText(run.Manifest.Inputs[0].Path, "\n");
        Assert.Contains("the input changed since the run", Assert.Throws<InvalidDataException>(() => RunFolder.Open(run.FolderPath)).Message);
    }

    [Fact]
    public void Open_WhereTheExamplesChanged_SaysSo()
    {
        var run = StarterRun("math", null, null, null);
        string shots = Path.Combine(Path.GetDirectoryName(run.Manifest.Task.Path)!, "shots.jsonl");
        File.WriteAllText(shots, File.ReadAllText(shots).Replace("Tom", "Tim"));
        Assert.Contains("the task or its worked examples changed", Assert.Throws<InvalidDataException>(() => RunFolder.Open(run.FolderPath)).Message);
    }

    [Fact]
    public void Open_WhereTheInputIsGone_NamesIt()
    {
        var run = StarterRun("text", null, null, null);
        File.Delete(run.Manifest.Inputs[0].Path);
        Assert.Contains("questions.jsonl: no such file", Assert.Throws<FileNotFoundException>(() => RunFolder.Open(run.FolderPath)).Message);
    }

    [Theory]
    [InlineData("cqa", "train", "task", "reject", 0.753, 0.776)]
    [InlineData("cqa", "train", "task", "first", 0.767, 0.767)]
    [InlineData("cqa", "train", "published", null, 0.7426, 0.7428)]
    [InlineData("svamp", "train", "published", null, 0.735, 0.747)]
    [InlineData("svamp", "test", "published", null, 0.74, 0.747)]
    [InlineData("svamp", "train", "task", null, 0.742, 0.77)]
    public void Parse_OfThePublishedOutputsAsAJournal_ReachesTheirAccuracy(string name, string split, string parser, string? onAmbiguous,
        double ofAll, double ofAccepted)
    {
        var task = TaskReader.Load(name);
        string input = Path.Combine(DataFiles.Datasets(), name, task.Data.Files[split]);
        string[] outputs = [.. PublishedOutputs.Read(task, split).Select(pair => pair.Output)];
        var report = Begin(Path.Combine(DataFiles.TemporaryFolder(), "run"), task, input, row => outputs[row]).Parse(parser, onAmbiguous);
        Assert.Equal((outputs.Length, outputs.Length, outputs.Length), (report.Rows, report.Answered, report.GoldRows));
        Assert.False(report.TooManyFailed);
        Assert.True(report.Accuracy!.Value.Value >= ofAll - 0.00005, $"{report.Accuracy}");
        Assert.True(report.AcceptedAccuracy!.Value.Value >= ofAccepted - 0.00005, $"{report.AcceptedAccuracy}");
    }

    static RunFolder StarterRun(string kind, params string?[] answers)
    {
        string folder = DataFiles.TemporaryFolder();
        Starter.Write(kind, folder);
        return Begin(Path.Combine(folder, "run"), TaskReader.Load(Path.Combine(folder, "task.json")), Path.Combine(folder, "questions.jsonl"), row => answers[row]);
    }

    static RunFolder Begin(string folder, TaskDefinition task, string input, Func<int, string?> answer)
    {
        Directory.CreateDirectory(folder);
        var shots = ShotSet.Load(task);
        var renderer = new PromptRenderer(shots);
        var rows = TeacherRows.Read(input, task);
        var parameters = new TeacherParameters { MaxTokens = 256 };
        var manifest = RunFolder.Describe(folder, shots, renderer, input, rows.Count, "teacher-1", "openai-compat", "localhost:8000", parameters, 1, Start);
        ManifestFile.Write(folder, manifest with { Prices = new(1, 5, "made up") });
        using (var journal = new StreamWriter(Path.Combine(folder, JournalReader.FileName), append: false, new UTF8Encoding(false)))
        {
            for (int i = 0; i < rows.Count; i++)
            {
                if (answer(i) is { } text) journal.Write(Line(new TeacherRequest(rows[i].Id, 0, "teacher-1", renderer.Render(rows[i]), parameters), text) + "\n");
            }
        }
        return RunFolder.Open(folder);
    }

    static string Line(TeacherRequest request, string text)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            JournalEntry.Of(request, new() { Text = text, Status = 200, Finish = "stop", Usage = new(500, 100, null) }, 1, Start).Write(json);
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
