using System.Text;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Tasks;

public class TaskReaderTests
{
    const string Valid = """
        {
          "schema": "distill.task/1", "name": "mine", "kind": "multiple_choice", // a comment
          "data": { "fields": { "question": "q", "choices": "c", "gold": "a" } },
          "student": {
            "input": "{{question}}",
            "label": "{{gold}}",
            "max_label_tokens": 8
          },
          "labels": { "from": "choices" },
          "metric": "choice",
        }
        """;

    [Theory]
    [InlineData("anli1", TaskCategory.Classification, "exact")]
    [InlineData("cqa", TaskCategory.MultipleChoice, "exact")]
    [InlineData("esnli", TaskCategory.Classification, "exact")]
    [InlineData("svamp", TaskCategory.Equation, "equation_value")]
    public void Load_BuiltIn_HasAllParts(string name, TaskCategory category, string metric)
    {
        var task = TaskReader.Load(name);
        Assert.Equal((name, category, metric), (task.Name, task.Category, task.Metric));
        Assert.Equal(("predict: ", "explain: "), (task.Student.LabelPrefix, task.Student.RationalePrefix));
        Assert.Equal((1024, 256, 256), (task.Student.MaxInputTokens, task.Student.MaxLabelTokens, task.Student.MaxRationaleTokens));
        Assert.NotNull(task.Teacher);
        Assert.Equal(64, task.Sha256.Length);
        Assert.Equal(category == TaskCategory.Classification, task.Student.Segments is not null);
    }

    [Fact]
    public void Load_File_KeepsWhatItSaysAndDefaultsTheRest()
    {
        var task = TaskReader.Load(DataFiles.Write("task.json", Valid));
        Assert.Equal(8, task.Student.MaxLabelTokens);
        Assert.Equal(1024, task.Student.MaxInputTokens);
        Assert.Null(task.Teacher);
        Assert.Equal("choices", task.Labels.From);
    }

    [Fact]
    public void Sha256_WhenOnlyCommentsAndOrderDiffer_IsTheSame()
    {
        string other = Valid.Replace("// a comment", "").Replace(
            "\"schema\": \"distill.task/1\", \"name\": \"mine\"",
            "\"name\": \"mine\", \"schema\": \"distill.task/1\"");
        Assert.Equal(TaskReader.Load(DataFiles.Write("a.json", Valid)).Sha256, TaskReader.Load(DataFiles.Write("b.json", other)).Sha256);
        Assert.NotEqual(TaskReader.Load(DataFiles.Write("a.json", Valid)).Sha256,
            TaskReader.Load(DataFiles.Write("b.json", Valid.Replace("8", "9"))).Sha256);
    }

    [Fact]
    public void Load_UnknownName_SuggestsABuiltInTask() =>
        Assert.Contains("did you mean 'svamp'?", Assert.Throws<FileNotFoundException>(() => TaskReader.Load("swamp")).Message);

    /// <summary>What is replaced, by what, the line of the error, and what the message says.</summary>
    public static TheoryData<string, string, int, string[]> Malformed => new()
    {
        { "distill.task/1", "distill.task/2", 2, ["schema", "expected 'distill.task/1'"] },
        { "\"name\": \"mine\"", "\"name\": \"My task\"", 2, ["name", "expected lower-case letters"] },
        { "\"name\": \"mine\", ", "", 1, ["name", "is missing"] },
        { "multiple_choice", "multiplechoice", 2, ["kind", "did you mean 'multiple_choice'?"] },
        { "\"metric\": \"choice\"", "\"metric\": \"choices\"", 10, ["metric", "expected one of exact, choice"] },
        { "\"metric\"", "\"metrics\"", 1, ["metric", "is missing"] },
        { "\"labels\"", "\"lables\"", 9, ["lables", "did you mean 'labels'?"] },
        { "max_label_tokens", "max_lable_tokens", 7, ["student.max_lable_tokens", "did you mean 'max_label_tokens'?"] },
        { ": 8", ": 1", 7, ["student.max_label_tokens", "is 1", "from 2 to"] },
        { ": 8", ": 8.5", 7, ["student.max_label_tokens", "expected a whole number"] },
        { ": 8", ": \"8\"", 7, ["student.max_label_tokens", "is a string", "expected a whole number"] },
        { "{{question}}", "{{qestion}}", 5, ["student.input", "did you mean 'question'?"] },
        { "{{question}}", "{{question", 5, ["student.input", "is not closed"] },
        { "{{question}}", "{{#choices}}{{.}}", 5, ["student.input", "section 'choices' is not closed"] },
        { "{{question}}", "{{/choices}}", 5, ["student.input", "not open"] },
        { "{{question}}", "{{^last}}x{{/last}}", 5, ["student.input", "not a variable"] },
        { "\"{{question}}\"", "\"\"", 5, ["student.input", "is empty"] },
        { "\"{{gold}}\"", "7", 6, ["student.label", "is a number", "expected a string"] },
        { "\"max_label_tokens\": 8", "\"segments\": [\"{{question}}\"]", 7, ["student.segments", "at least 2"] },
        { "\"max_label_tokens\": 8", "\"prefix_rationale\": \"predict: \"", 7, ["student.prefix_rationale", "equals prefix_label"] },
        { "{ \"question\": \"q\", \"choices\": \"c\", \"gold\": \"a\" }", "{}", 3, ["data.fields", "missing or empty"] },
        { "\"gold\": \"a\"", "\"gold\": 3", 3, ["data.fields.gold", "expected a string"] },
        { "\"data\": {", "\"data\": { \"format\": \"csv\",", 3, ["data.format", "expected 'jsonl'"] },
        { "\"data\": {", "\"data\": { \"files\": {\"training\": \"x\"},", 3, ["data.files", "expected train, valid or test"] },
        { "\"data\": {", "\"data\": { \"valid_from_train\": {\"fraction\": 2},", 3, ["data.valid_from_train.fraction", "is 2"] },
        { "{ \"from\": \"choices\" }", "{ \"from\": \"choice\" }", 9, ["labels.from", "did you mean 'choices'?"] },
        { "{ \"from\": \"choices\" }", "{ }", 9, ["labels.from", "is missing"] },
        { "{ \"from\": \"choices\" }", "{ \"from\": \"choices\", \"normalize\": [\"trimm\"] }", 9, ["labels.normalize", "did you mean 'trim'?"] },
        { "\"metric\"", "\"filter\": {\"min_agreement\": 1.5}, \"metric\"", 10, ["filter.min_agreement", "from 0 to 1"] },
        { "\"metric\"", "\"parse\": {\"think\": \"maybe\"}, \"metric\"", 10, ["parse.think", "expected one of strip, keep"] },
        { "\"metric\"", "\"parse\": {\"markers\": []}, \"metric\"", 10, ["parse.markers", "is empty"] },
        { "\"metric\"", "\"teacher\": {\"query\": \"{{rationale}}\"}, \"metric\"", 10, ["teacher.query", "'rationale'"] },
        { "\"metric\"", "\"teacher\": {\"query\": \"{{input}}\", \"temperature\": 3}, \"metric\"", 10, ["teacher.temperature", "from 0 to 2"] },
        { "\"metric\"", "\"teacher\": {\"query\": \"{{input}}\", \"shot_count\": 3}, \"metric\"", 10, ["teacher.shot_count", "expected 0"] },
        { "\"metric\"", "\"weight\": 1e999, \"metric\"", 10, ["beyond the range"] },
        { "\"metric\"", "\"name\": \"twice\", \"metric\"", 10, ["name", "occurs twice"] },
        { "\"metric\":", "\"metric\"", 10, ["not valid JSON"] },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Load_MalformedFile_NamesPathLineFieldAndRemedy(string find, string replacement, int line, string[] fragments)
    {
        Assert.Contains(find, Valid);
        string path = DataFiles.Write("task.json", Valid.Replace(find, replacement));
        string message = Assert.Throws<InvalidDataException>(() => TaskReader.Load(path)).Message;
        Assert.StartsWith($"{path}:{line}: ", message);
        Assert.All(fragments, fragment => Assert.Contains(fragment, message));
    }

    [Fact]
    public void Load_FilesThatAreNoTask_AreRefused()
    {
        foreach (byte[] bytes in new byte[][] { [], [0xFF, 0xFE, 0x7B], "[]"u8.ToArray(), "{"u8.ToArray(),
            Encoding.UTF8.GetBytes(new string('[', 100_000)), "{\"name\":\"\\ud800\"}"u8.ToArray() })
        {
            string path = DataFiles.Write("task.json", bytes);
            Assert.StartsWith($"{path}:1: ", Assert.Throws<InvalidDataException>(() => TaskReader.Load(path)).Message);
        }
    }
}
