using System.IO.Compression;
using System.Text;
using DistillEngine.Data.Import;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Import;

public sealed class SourceFileTests : IDisposable
{
    const string Lines = """
        {"id":"a","question":"Where do \"fish\" live?\nSay it.","choices":["sea","sky"],"answer":"sea"}
        {"id":7,"question":"Where, oh where?","choices":["sea","sky"],"answer":"sky"}
        """;

    readonly string _folder = Directory.CreateTempSubdirectory("distill-source-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_OfEveryForm_GivesTheSameRows()
    {
        string json = "[\n" + string.Join(",\n", Lines.Split('\n')) + "\n]\n";
        string csv = "id,question,choices,answer\r\na,\"Where do \"\"fish\"\" live?\nSay it.\",\"[\"\"sea\"\",\"\"sky\"\"]\",sea\r\n\r\n7,\"Where, "
            + "oh where?\",\"[\"\"sea\"\",\"\"sky\"\"]\",sky";
        List<SourceRow> expected = Read("rows.jsonl", Lines);
        Assert.Equal(["a", "7"], expected.Select(row => row.Key));
        Assert.Equal("Where do \"fish\" live?\nSay it.\nAnswer Choices:\n(a) sea\n(b) sky", expected[0].Input);
        foreach (List<SourceRow> rows in (List<SourceRow>[])[Read("rows.json", json), Read("rows.csv", csv), Read("bom.csv", "\uFEFF" + csv),
            Read("rows.tsv", csv.Replace("id,question,choices,answer", "id\tquestion\tchoices\tanswer").Replace("a,\"", "a\t\"")
                .Replace("\",sea", "\"\tsea").Replace("7,\"", "7\t\"").Replace("\",sky", "\"\tsky").Replace("\",\"[", "\"\t\"["))])
        {
            Assert.Equal(expected.Select(row => (row.Key, row.Input, row.Label)), rows.Select(row => (row.Key, row.Input, row.Label)));
            Assert.Equal(["sea", "sky"], rows[0].Choices);
        }
    }

    [Fact]
    public void Read_OfGzip_GivesTheRows()
    {
        string path = Path.Combine(_folder, "rows.jsonl.gz");
        using (var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(Lines));
        Assert.Equal(2, SourceFile.Read(path, TaskReader.Load("cqa")).Count);
    }

    [Fact]
    public void Read_WithoutGoldLabel_GivesNullOnlyWhereAllowed()
    {
        string path = Write("rows.jsonl", Lines.Replace(",\"answer\":\"sea\"", ""));
        Assert.Null(SourceFile.Read(path, TaskReader.Load("cqa"), needsLabel: false)[0].Label);
        Assert.StartsWith($"{path}:1: answer: ", Assert.Throws<InvalidDataException>(() => SourceFile.Read(path, TaskReader.Load("cqa"))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.jsonl", "", "", "has no rows")]
    [InlineData("x.jsonl", "{\"id\":", ":1", "not valid JSON")]
    [InlineData("x.json", "[\n{\"id\":1},\n7]", ":2", "question: is missing")]
    [InlineData("x.json", "[\n\n7]", ":3", "is no JSON object")]
    [InlineData("x.json", "[{}", ":1", "is missing")]
    [InlineData("x.csv", "id,id\n", ":1", "a column twice")]
    [InlineData("x.csv", "id,question,choices,answer\n1,2\n", ":2", "has 2 cells, the header 4")]
    [InlineData("x.csv", "id,question,choices,answer\n1,\"2\n", ":2", "never closed")]
    [InlineData("x.csv", "id,question,choices,answer\n1,\"2\"3,4,5\n", ":2", "goes on after its closing quote")]
    [InlineData("x.csv", "id,question,choices,answer\n1,why,sea,sea\n", ":2", "expected a list")]
    public void Read_OfWhatIsDamaged_SaysWhereAndWhy(string name, string text, string place, string problem)
    {
        string path = Write(name, text);
        string message = Assert.Throws<InvalidDataException>(() => SourceFile.Read(path, TaskReader.Load("cqa"))).Message;
        Assert.StartsWith($"{path}{place}: ", message, StringComparison.Ordinal);
        Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    List<SourceRow> Read(string name, string text) => SourceFile.Read(Write(name, text), TaskReader.Load("cqa"));

    string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
