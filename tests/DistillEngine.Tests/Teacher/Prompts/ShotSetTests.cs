using System.Text;
using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Tests.Data;
using Xunit;

namespace DistillEngine.Tests.Teacher.Prompts;

public class ShotSetTests
{
    const string Good = """{"fields":{"question":"What swims?","choices":["a bird","a fish"]},"rationale":"Fish live in water and swim.","label":"a fish"}""";

    [Theory]
    [InlineData("no json", "shots.jsonl:1: the example is not valid JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("""{"input":"What?","rationale":"Because of this.","lable":"x"}""", "has the key 'lable'")]
    [InlineData("""{"rationale":"Because of this.","label":"x"}""", "has both 'fields' and 'input', or neither")]
    [InlineData("""{"input":"What?","label":"x"}""", "rationale: is missing or empty")]
    [InlineData("""{"fields":{"question":"What?","chioces":["x"]},"rationale":"Because of this.","label":"x"}""", "names 'chioces'")]
    [InlineData("""{"fields":{"question":"What?","choices":[1]},"rationale":"Because of this.","label":"x"}""", "holds something else than strings")]
    [InlineData("""{"fields":{"question":"What?","choices":"x"},"rationale":"Because of this.","label":"x"}""", "does not fit the templates")]
    [InlineData("""{"input":"What?","rationale":"Because of this.","label":"x"}""", "the variable 'letter' has no value")]
    [InlineData("""{"fields":{"question":"What swims?","choices":["a bird","a fish"]},"rationale":"Short.","label":"a fish"}""",
        "is rejected by the task's own rules as empty_rationale")]
    [InlineData("""{"fields":{"question":"What swims?","choices":["a bird","a fish"]},"rationale":"Fish live in water. Therefore","label":"a fish"}""",
        "shows a rationale of which")]
    [InlineData("""{"fields":{"question":"What swims?","choices":["a bird","a fish"]},"rationale":"Q: why? Because it does.","label":"a fish"}""",
        "is rejected by the task's own rules as no_marker")]
    public void Load_OfABadExample_NamesItAndWhy(string shot, string problem)
    {
        var error = Assert.Throws<InvalidDataException>(() => Load(shot));
        Assert.Contains("shots.jsonl:1: ", error.Message);
        Assert.Contains(problem, error.Message);
    }

    [Fact]
    public void Load_OfFewerExamplesThanAskedFor_SaysSo() =>
        Assert.Contains("has 1 examples (expected the 2", Assert.Throws<InvalidDataException>(() => Load(Good, count: 2)).Message);

    [Fact]
    public void Load_OfMoreExamplesThanAskedFor_TakesTheFirst()
    {
        var shots = Load($"{Good}\n{Good.Replace("What swims", "Who swims")}\n\n", count: 1);
        Assert.Equal("What swims?", Assert.Single(shots.Shots).Row.Values["question"].Text);
    }

    [Fact]
    public void Load_WithoutTheFile_NamesIt()
    {
        string task = WriteTask(1);
        Assert.Contains("shots.jsonl: no such file", Assert.Throws<FileNotFoundException>(() => ShotSet.Load(TaskReader.Load(task))).Message);
    }

    [Fact]
    public void Load_OfATaskWithoutATeacher_SaysSo() =>
        Assert.Contains("teacher: is missing", Assert.Throws<InvalidDataException>(() => ShotSet.Load(TaskReader.Load("cqa") with { Teacher = null })).Message);

    [Fact]
    public void Load_WhereExamplesDoNotBeginLikeTheQuestion_SaysSo()
    {
        var task = TaskReader.Load("cqa");
        task = task with { Teacher = task.Teacher! with { Query = Template.Parse("Question: {{input}}\nA:") } };
        Assert.Contains("does not begin like teacher.query", Assert.Throws<InvalidDataException>(() => ShotSet.Load(task)).Message);
    }

    [Fact]
    public void Sha256_OfExamples_IsPartOfTheTasks()
    {
        var (one, other) = (Load(Good), Load(Good.Replace("live in", "love")));
        Assert.Equal(Load(Good).TaskSha256, one.TaskSha256);
        Assert.NotEqual(one.Sha256, other.Sha256);
        Assert.NotEqual(one.TaskSha256, other.TaskSha256);
        Assert.NotEqual(one.Task.Sha256, one.TaskSha256);
    }

    [Theory]
    [InlineData("test", true)]
    [InlineData("train", false)]
    [InlineData(null, false)]
    public void RefuseContamination_ByRows_LooksAtTheTestSplit(string? split, bool isRefused)
    {
        var shots = Load(Good);
        var row = SourceRow.Parse("rows", 1, Encoding.UTF8.GetBytes("""{"id":"7","question":"what  SWIMS?","choices":["a bird","a fish"]}"""), shots.Task,
            needsLabel: false);
        var rows = new[] { new TeacherRow("cqa/test/7", split, row) };
        if (!isRefused)
        {
            shots.RefuseContamination(rows);
            return;
        }
        var error = Assert.Throws<InvalidDataException>(() => shots.RefuseContamination(rows));
        Assert.Contains("shots.jsonl:1: ", error.Message);
        Assert.Contains("cqa/test/7", error.Message);
    }

    [Fact]
    public void RefuseContamination_ByTheTestFile_NamesTheRow()
    {
        var shots = Load(Good);
        string folder = Path.GetDirectoryName(shots.Task.Path)!;
        Assert.Null(shots.RefuseContamination(folder));
        File.WriteAllText(Path.Combine(folder, "cqa_test.json"), """
            {"id":"1","question":"Why?","choices":["x","y"],"answer":"x"}
            {"id":"2","question":"What swims?","choices":["a bird","a fish"],"answer":"a fish"}
            """);
        Assert.Contains("test row 2 of", Assert.Throws<InvalidDataException>(() => shots.RefuseContamination(folder)).Message);
    }

    static ShotSet Load(string shots, int count = 1)
    {
        string task = WriteTask(count);
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(task)!, "shots.jsonl"), shots);
        return ShotSet.Load(TaskReader.Load(task));
    }

    static string WriteTask(int count) => DataFiles.Write("task.json", $$$"""
        {
          "schema": "distill.task/1", "name": "cqa", "kind": "multiple_choice", "metric": "exact",
          "data": { "files": { "test": "cqa_test.json" }, "id": "id", "fields": { "question": "question", "choices": "choices", "gold": "answer" } },
          "student": { "input": "{{question}}\n{{#choices}}({{letter}}) {{.}} {{/choices}}", "label": "{{gold}}" },
          "labels": { "from": "choices" },
          "teacher": { "shots": "shots.jsonl", "shot_count": {{{count}}}, "query": "Q: {{input}}\nA:",
                       "shot": "Q: {{input}}\nA: {{rationale}} So the answer is ({{letter}}) {{label}}.\n\n" },
          "parse": { "cut": ["Q:"] }
        }
        """);
}
