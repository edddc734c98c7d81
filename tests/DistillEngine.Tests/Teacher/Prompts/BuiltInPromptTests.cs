using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Tests.Data;
using DistillEngine.Tests.Teacher.Replies;
using Xunit;

namespace DistillEngine.Tests.Teacher.Prompts;

public class BuiltInPromptTests
{
    public static TheoryData<string> Tasks => [.. TaskReader.BuiltIn];

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Load_OfABuiltInTask_HasSevenToTenExamplesOfDifferentLabels(string name)
    {
        var shots = ShotSet.Load(TaskReader.Load(name));
        Assert.InRange(shots.Shots.Count, 7, 10);
        Assert.Equal(shots.Shots.Count, shots.Shots.Select(shot => shot.Row.Input).Distinct().Count());
        if (shots.Task.Labels.Set is { } set) Assert.Equal(set.Order(), shots.Shots.Select(shot => shot.Label).Distinct().Order());
    }

    [Theory]
    [InlineData("cqa", "train")]
    [InlineData("cqa", "test")]
    [InlineData("svamp", "train")]
    [InlineData("svamp", "test")]
    public void Load_OfABuiltInTask_HasExamplesOfNoDataSet(string name, string split)
    {
        var task = TaskReader.Load(name);
        var rows = PublishedOutputs.Read(task, split).Select((pair, i) => new TeacherRow($"{name}/test/{i}", "test", pair.Row));
        ShotSet.Load(task).RefuseContamination(rows);
    }

    [Fact]
    public void RefuseContamination_WithTheTestFileInTheFolder_ReadsIt()
    {
        string folder = Path.Combine(DataFiles.Datasets(), "svamp");
        Assert.Equal(Path.Combine(folder, "svamp_test.json"), ShotSet.Load(TaskReader.Load("svamp")).RefuseContamination(DataFiles.TemporaryFolder(), folder));
    }

    [Fact]
    public void Render_OfACompletion_EndsInTheQuestion()
    {
        var task = TaskReader.Load("svamp");
        var renderer = new PromptRenderer(ShotSet.Load(task));
        string text = renderer.Render(Row(task, """{"input":"Ann has 3 hens.\nHow many hens has she?","label":"3.0"}""")).Text!;
        Assert.StartsWith("Q: A baker puts 18 loaves", text);
        Assert.Contains(" so 18 - 7 = 11 loaves are still there. The answer is (18 - 7).\n\nQ: Priya", text);
        Assert.EndsWith("(34 + 22) / 7).\n\nQ: Ann has 3 hens.\nHow many hens has she?\nA:", text);
    }

    [Fact]
    public void Render_OfAChat_GivesEachExampleTwoTurns()
    {
        var task = TaskReader.Load("cqa");
        var renderer = new PromptRenderer(ShotSet.Load(task), isChat: true);
        var messages = renderer.Render(Row(task, """{"id":"1","question":"Why?","choices":["x","y"],"answer":"x"}""")).Messages!;
        Assert.Equal(15, messages.Count);
        Assert.Equal(["user", "assistant", "user"], messages.Take(3).Select(message => message.Role));
        Assert.EndsWith("So the answer is (b) thermos flask.", messages[1].Content);
        Assert.Equal("Q: Why?\nAnswer Choices:\n(a) x\n(b) y\nA:", messages[^1].Content);
    }

    [Fact]
    public void Sha256_OfBothForms_Differs()
    {
        var shots = ShotSet.Load(TaskReader.Load("esnli"));
        Assert.Equal(new PromptRenderer(shots).Sha256, new PromptRenderer(shots, isChat: false).Sha256);
        Assert.NotEqual(new PromptRenderer(shots).Sha256, new PromptRenderer(shots, isChat: true).Sha256);
    }

    static TeacherRow Row(TaskDefinition task, string json) =>
        new($"{task.Name}/test/1", "test", SourceRow.Parse("rows", 1, System.Text.Encoding.UTF8.GetBytes(json), task));
}
