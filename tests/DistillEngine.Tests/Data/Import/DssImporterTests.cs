using DistillEngine.Data.Import;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Import;

public class DssImporterTests
{
    [Fact]
    public void Import_KeepsWhatParsedAndMarksWhatDidNot()
    {
        string folder = Layout("svamp", "train",
            """
            {"input":"A\nB","label":"( 1.0 + 2.0 )"}
            {"input":"C","label":"( 4.0 )"}
            {"input":"D","label":"( 4.0 )"}

            """,
            """["It is so. The answer is (3).\n\nQ: next", "No closing words."]""", """["Known. The answer is 4."]""");
        string output = Path.Combine(folder, "out.jsonl");
        var report = DssImporter.Import(TaskReader.Load("svamp"), "train", folder, output);
        Assert.Equal((3, 1, 1), (report.Rows, report.Parsed, report.Correct));
        var rows = RationaleReader.ReadAll(output);
        Assert.Equal(["svamp/train/0", "svamp/train/1", "svamp/train/2"], rows.Select(row => row.Id));
        Assert.Equal(("A\nB", "( 1.0 + 2.0 )", "(3)"), (rows[0].Input, rows[0].Label, rows[0].TeacherLabel));
        Assert.Equal(("It is so.", RationaleStatus.Ok), (rows[0].Rationale, rows[0].Status));
        Assert.Equal((null, null, RationaleStatus.ParseFailed), (rows[1].TeacherLabel, rows[1].Rationale, rows[1].Status));
        Assert.Equal((null, "Known.", RationaleStatus.ParseFailed), (rows[2].TeacherLabel, rows[2].Rationale, rows[2].Status));
        Assert.Empty(rows[2].TrainableRationales());
        var parser = PublishedParser.For("svamp");
        Assert.Equal((" ", " "), (PublishedView.TeacherLabel(rows[1], parser), PublishedView.Rationale(rows[1], parser)));
        Assert.Equal((" ", "Known."), (PublishedView.TeacherLabel(rows[2], parser), PublishedView.Rationale(rows[2], parser)));
    }

    [Fact]
    public void Import_OfNli_MapsClassNumbersAndKeepsTheSegments()
    {
        string folder = Layout("anli1", "train", """{"uid":"u1","premise":"P","hypothesis":"H","label":2,"reason":""}""",
            """["Because. So the answer is contradiction.\n\nPremise: next"]""");
        var row = Assert.Single(DssImporter.Read(TaskReader.Load("anli1"), "train", folder, null, out var report));
        Assert.Equal(("anli1/train/u1", "contradiction", "contradiction", "Because."),
            (row.Id, row.Label, row.TeacherLabel, row.Rationale));
        Assert.Equal(("P", "H"), (row.Field("premise"), row.Field("hypothesis")));
        Assert.Contains(report.Warnings, warning => warning.Contains("equals the gold label in every row"));
    }

    [Fact]
    public void Import_OfChoices_StoresThemAsAList()
    {
        string folder = Layout("cqa", "test", """{"id":"x","question":"Where?","choices":["a b","c","d","e","f"],"answer":"c"}""",
            """["Hm. So the answer is (b) c."]""");
        var row = Assert.Single(DssImporter.Read(TaskReader.Load("cqa"), "test", Path.GetDirectoryName(folder)!, null, out _));
        Assert.Equal("Where?\nAnswer Choices:\n(a) a b\n(b) c\n(c) d\n(d) e\n(e) f", row.Input);
        Assert.Equal("""["a b","c","d","e","f"]""", row.Field("choices"));
    }

    [Theory]
    [InlineData("""["one"]""", "has 2 rows", "expected equal counts")]
    [InlineData("""["one", 2]""", "output 1 is a number", "expected a string")]
    [InlineData("""{"one": 2}""", "is an object", "expected an array")]
    [InlineData("""["one""", "not valid JSON", "expected")]
    public void Import_OfBadOutputs_SaysWhatIsWrong(string outputs, string problem, string remedy)
    {
        string folder = Layout("svamp", "train", """{"input":"A","label":"1"}""" + "\n" + """{"input":"B","label":"1"}""", outputs);
        string output = Path.Combine(folder, "out.jsonl");
        string message = Assert.Throws<InvalidDataException>(() => DssImporter.Import(TaskReader.Load("svamp"), "train", folder,
            output)).Message;
        Assert.StartsWith(folder, message);
        Assert.Contains(problem, message);
        Assert.Contains(remedy, message);
        Assert.False(File.Exists(output));
    }

    [Theory]
    [InlineData("""{"input":"A"}""", "label: is missing")]
    [InlineData("""{"input":{},"label":"1"}""", "input: is neither text")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("{", "not valid JSON")]
    [InlineData("", "has no rows")]
    public void Import_OfBadRows_SaysWhatIsWrong(string rows, string problem)
    {
        string folder = Layout("svamp", "train", rows, "[\"one\"]");
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => DssImporter.Read(TaskReader.Load("svamp"), "train", folder, null,
            out _)).Message);
    }

    [Fact]
    public void Import_OfAnUnknownClass_IsRefused()
    {
        string folder = Layout("anli1", "test", """{"uid":"u1","premise":"P","hypothesis":"H","label":3}""", "[\"x\"]");
        Assert.Contains("label: is 3 (expected a class from 0 to 2)",
            Assert.Throws<InvalidDataException>(() => DssImporter.Read(TaskReader.Load("anli1"), "test", folder, null, out _)).Message);
    }

    [Fact]
    public void Import_WhenAFileOfTheSeriesIsMissing_NamesIt()
    {
        string folder = Layout("svamp", "train", """{"input":"A","label":"1"}""", "[]", "[\"x\"]");
        File.Move(Path.Combine(folder, "llm", "train_CoT_1.json"), Path.Combine(folder, "llm", "train_CoT_2.json"));
        Assert.Contains("train_CoT_1.json: is missing", Assert.Throws<FileNotFoundException>(() =>
            DssImporter.Read(TaskReader.Load("svamp"), "train", folder, null, out _)).Message);
    }

    [Theory]
    [InlineData("anli1", "r. So the answer is neutral!\n\nPremise: x", "r.", "neutral")]
    [InlineData("anli1", "r. so the answer is neutral.", "", "")]
    [InlineData("anli1", "So the answer is", "", "")]
    [InlineData("esnli", "r. \nAnswer: entailment\n\nPremise: x", "r.", "entailment")]
    [InlineData("esnli", "r. Answer:entailment", "r.", " ")]
    [InlineData("esnli", "nothing ", "nothing", " ")]
    public void Parse_OfNliOutputs_FollowsThePublishedRules(string task, string output, string rationale, string label)
    {
        var parsed = PublishedParser.For(task).Parse(output);
        Assert.Equal((rationale, label), (parsed.Rationale, parsed.Label));
    }

    /// <summary>The published layout in a temporary folder named after the task.</summary>
    static string Layout(string task, string split, string rows, params string[] outputs)
    {
        string folder = Directory.CreateDirectory(Path.Combine(DataFiles.TemporaryFolder(), task)).FullName;
        Directory.CreateDirectory(Path.Combine(folder, "llm"));
        File.WriteAllText(Path.Combine(folder, $"{task}_{split}.json"), rows);
        for (int k = 0; k < outputs.Length; k++) File.WriteAllText(Path.Combine(folder, "llm", $"{split}_CoT_{k}.json"), outputs[k]);
        return folder;
    }
}
