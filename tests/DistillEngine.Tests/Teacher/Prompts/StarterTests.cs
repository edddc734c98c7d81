using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Tests.Data;
using Xunit;

namespace DistillEngine.Tests.Teacher.Prompts;

public class StarterTests
{
    public static TheoryData<string> Kinds => [.. Starter.Kinds];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Write_OfEveryKind_MakesATaskThatCanBeAsked(string kind)
    {
        string folder = Path.Combine(DataFiles.TemporaryFolder(), "new");
        var paths = Starter.Write(kind, folder);
        Assert.Equal(["task.json", "shots.jsonl", "questions.jsonl"], paths.Select(Path.GetFileName));
        var task = TaskReader.Load(paths[0]);
        var renderer = new PromptRenderer(ShotSet.Load(task));
        Assert.True(renderer.IsChat);
        string[] lines = File.ReadAllLines(paths[2]);
        Assert.Equal(3, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            var source = SourceRow.Parse(paths[2], i + 1, System.Text.Encoding.UTF8.GetBytes(lines[i]), task);
            Assert.NotNull(source.Label);
            Assert.Contains(source.Input, renderer.Render(new($"{task.Name}/train/{i}", "train", source)).Messages![^1].Content);
        }
    }

    [Fact]
    public void Write_WhereAFileExists_WritesNothing()
    {
        string folder = DataFiles.TemporaryFolder();
        File.WriteAllText(Path.Combine(folder, "shots.jsonl"), "mine");
        var error = Assert.Throws<IOException>(() => Starter.Write("mc", folder));
        Assert.Contains("shots.jsonl", error.Message);
        Assert.Equal(["mine"], Directory.GetFiles(folder).Select(File.ReadAllText));
    }

    [Fact]
    public void Write_OfAnUnknownKind_NamesThoseThereAre()
    {
        var error = Assert.Throws<ArgumentException>(() => Starter.Write("poem", DataFiles.TemporaryFolder()));
        Assert.Contains("nli, mc, math, text", error.Message);
    }
}
