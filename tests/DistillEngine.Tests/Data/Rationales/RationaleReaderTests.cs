using System.IO.Compression;
using System.Text;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using Xunit;

namespace DistillEngine.Tests.Data.Rationales;

public class RationaleReaderTests
{
    const string Head = "\"schema\":\"distill.rationale/1\",";
    const string Sha = "\"input_sha256\":\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",";   // of "hello"
    const string Valid = "{" + Head + "\"id\":\"t/train/1\",\"input\":\"hello\"," + Sha + "\"label\":\"yes\",\"teacher_label\":\"no\",\"rationale\":\"Why.\","
        + "\"rationales\":[\"Or so.\"],\"status\":\"ok\",\"flags\":[\"f\"],\"weight\":2,\"vote\":{\"n\":3,\"valid\":2,\"agree\":2,\"method\":\"majority\"},"
        + "\"samples\":[{\"i\":0,\"label\":\"no\",\"parse\":\"ok\",\"finish\":\"stop\",\"in\":8,\"out\":4,\"key\":\"k\"}],\"split\":\"train\","
        + "\"fields\":{\"b\":\"2\",\"a\":\"1\"},\"prov\":{\"run\":\"r\",\"model\":\"m\",\"provider\":\"p\",\"prompt_sha\":\"s\",\"params_sha\":\"q\","
        + "\"task\":\"t\",\"task_sha\":\"h\",\"tool\":\"x\",\"created\":\"2026-01-01T00:00:00Z\"},\"usage\":{\"in\":8,\"out\":4,\"cached\":0,\"usd\":0.0003}}";

    /// <summary>A second line that is valid whatever the first one holds.</summary>
    const string Other = "{" + Head + "\"id\":\"t/train/2\",\"input\":\"hello\"," + Sha + "\"label\":\"yes\",\"status\":\"ok\",\"prov\":{}}";

    [Fact]
    public void Write_OfWhatWasRead_GivesTheSameBytes()
    {
        string path = DataFiles.Write("in.jsonl", Valid + "\n" + Other + "\n"), copy = path + ".copy";
        RationaleWriter.Write(copy, RationaleReader.Read(path));
        Assert.Equal(File.ReadAllText(path), File.ReadAllText(copy));
        Assert.Equal(2, Directory.GetFiles(Path.GetDirectoryName(path)!).Length);
    }

    [Fact]
    public void Read_HoldsEveryField()
    {
        var row = RationaleReader.ReadAll(DataFiles.Write("in.jsonl", Valid))[0];
        Assert.Equal(("t/train/1", "hello", "yes", "no", "Why."), (row.Id, row.Input, row.Label, row.TeacherLabel, row.Rationale));
        Assert.Equal(["Why.", "Or so."], row.TrainableRationales());
        Assert.Equal((RationaleStatus.Ok, 2.0, "train"), (row.Status, row.Weight, row.Split));
        Assert.Equal(new Vote(3, 2, 2, "majority", false), row.Vote);
        Assert.Equal(new TeacherSample(0, "no", "ok", "stop", 8, 4, "k"), Assert.Single(row.Samples));
        Assert.Equal("2", row.Field("b"));
        Assert.Equal("2026-01-01T00:00:00Z", row.Provenance.Created);
        Assert.Equal(new TeacherUsage(8, 4, 0, 0.0003), row.Usage);
    }

    [Theory]
    [InlineData("\"usd\":0.0003", "\"usd\":1e999", "usage.usd")]
    [InlineData("\"usd\":0.0003", "\"usd\":-1e999", "usage.usd")]
    [InlineData("\"weight\":2", "\"weight\":1e999", "weight")]
    public void Read_OfNumbersBeyondEveryBound_RefusesThem(string from, string to, string field)
    {
        Assert.Contains(from, Valid, StringComparison.Ordinal);
        var error = Assert.Throws<InvalidDataException>(() => RationaleReader.ReadAll(DataFiles.Write("in.jsonl", Valid.Replace(from, to))));
        Assert.Contains($"in.jsonl:1: {field}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("finite", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfGzipBomAndCarriageReturns_GivesTheSameRows()
    {
        string path = DataFiles.Write("in.jsonl", "\uFEFF" + Valid + "\r\n" + Other + "\r\n");
        string zipped = path + ".gz";
        RationaleWriter.Write(zipped, RationaleReader.Read(path));
        Assert.Equal([0x1F, 0x8B], File.ReadAllBytes(zipped)[..2]);
        Assert.Equal(["t/train/1", "t/train/2"], RationaleReader.Read(zipped).Select(row => row.Id));
    }

    [Fact]
    public void Read_UnknownFieldsAndMinorVersions_AreIgnored() =>
        Assert.Single(RationaleReader.ReadAll(DataFiles.Write("in.jsonl",
            Valid.Replace("rationale/1\"", "rationale/1.7\"").Replace("{\"schema", "{\"later\":{\"a\":[1,{}]},\"schema"))));

    [Fact]
    public void Read_OfALineLongerThanTheBuffer_IsWhole()
    {
        string input = new('x', 300_000);
        string line = Other.Replace("hello", input).Replace("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            RationaleWriter.Hash(input));
        Assert.Equal([300_000, 5], RationaleReader.Read(DataFiles.Write("in.jsonl", line + "\n" + Valid)).Select(row => row.Input.Length));
    }

    /// <summary>What is replaced in the first line, by what, the field of the error, and what the message says.</summary>
    public static TheoryData<string, string, string, string> Malformed => new()
    {
        { "rationale/1\"", "rationale/2\"", "schema", "expected 'distill.rationale/1'" },
        { Head, "", "schema", "is missing" },
        { "\"id\":\"t/train/1\",", "", "id", "is missing" },
        { "\"t/train/1\"", "\"\"", "id", "is empty" },
        { "\"t/train/1\"", "17", "id", "is 17 (expected a string)" },
        { "\"input\":\"hello\",", "", "input", "is missing" },
        { "\"input\":\"hello\"", "\"input\":null", "input", "is null (expected a string)" },
        { Sha, "", "input_sha256", "is missing" },
        { "2cf24", "2cf25", "input_sha256", "the input was changed" },
        { "\"status\":\"ok\",", "", "status", "is missing" },
        { "\"status\":\"ok\"", "\"status\":\"okay\"", "status", "did you mean 'ok'?" },
        { "\"status\":\"ok\"", "\"status\":\"refused\"", "status", "the teacher gave no answer" },
        { "\"weight\":2", "\"weight\":0", "weight", "above 0" },
        { "\"weight\":2", "\"weight\":-1", "weight", "above 0" },
        { "\"weight\":2", "\"weight\":1e999", "weight", "finite" },
        { "\"weight\":2", "\"weight\":\"2\"", "weight", "expected a number" },
        { "\"label\":\"yes\"", "\"label\":{\"a\":1}", "label", "is an object (expected a string or null)" },
        { "\"rationales\":[\"Or so.\"]", "\"rationales\":\"Or so.\"", "rationales", "expected an array of strings" },
        { "\"rationales\":[\"Or so.\"]", "\"rationales\":[1]", "rationales", "is 1 (expected a string)" },
        { "\"Or so.\"", "\"\"", "rationales", "entry 0 is empty" },
        { "\"flags\":[\"f\"]", "\"flags\":{}", "flags", "expected an array of strings" },
        { "\"vote\":{\"n\":3", "\"vote\":{\"n\":1", "vote", "expected agree ≤ valid ≤ n" },
        { "\"valid\":2", "\"valid\":2.5", "vote.valid", "expected a whole number" },
        { "\"samples\":[{", "\"samples\":[7,{", "samples", "expected an object" },
        { "\"split\":\"train\"", "\"split\":\"training\"", "split", "expected train, valid or test" },
        { "\"b\":\"2\"", "\"b\":2", "fields.b", "expected a string" },
        { "\"prov\":{", "\"provenance\":{", "prov", "is missing" },
        { "\"model\":\"m\"", "\"model\":1", "prov.model", "expected a string or null" },
        { "\"usage\":{\"in\":8", "\"usage\":{\"in\":-8", "usage.in", "expected a whole number" },
        { "\"status\":\"ok\"", "\"status\":\"ok\",\"status\":\"ok\"", "status", "occurs twice" },
        { "\"t/train/1\"", "\"t/train/0\"", "id", "stands on line 1 too" },
        { "Why.", "\\ud800", "", "surrogate" },
        { "\"usage\":", "\"usage\" ", "", "not valid JSON" },
        { "}}", "}}}", "", "not valid JSON" },
        { Valid, "[1]", "", "the line is an array" },
        { Valid, "", "", "the line is empty" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Read_MalformedRow_NamesPathLineFieldAndRemedy(string find, string replacement, string field, string fragment)
    {
        Assert.Contains(find, Valid);
        string first = Other.Replace("t/train/2", "t/train/0");
        string path = DataFiles.Write("in.jsonl", first + "\n" + Valid.Replace(find, replacement) + "\n" + Other);
        string message = Assert.Throws<InvalidDataException>(() => RationaleReader.ReadAll(path)).Message;
        Assert.StartsWith(field.Length > 0 ? $"{path}:2: {field}: " : $"{path}:2: ", message);
        Assert.Contains(fragment, message);
        Assert.Contains("(expected ", message);
        var report = RationaleReader.Validate(path);
        Assert.Equal((3, message), (report.Rows, report.Errors[0]));
    }

    [Fact]
    public void Validate_FindsEveryFaultAndKeepsTheFirst()
    {
        string broken = Valid.Replace("\"weight\":2", "\"weight\":0").Replace("\"split\":\"train\"", "\"split\":\"x\"");
        string path = DataFiles.Write("in.jsonl", broken + "\n\n" + Other);
        var report = RationaleReader.Validate(path, limit: 2);
        Assert.Equal((3, 3, 2, false), (report.Rows, report.ErrorCount, report.Errors.Count, report.IsValid));
        Assert.True(RationaleReader.Validate(DataFiles.Write("in.jsonl", Valid)).IsValid);
    }

    [Fact]
    public void Read_ForATask_RefusesRowsThatDoNotSuitIt()
    {
        string path = DataFiles.Write("in.jsonl", Valid.Replace("{\"b\":\"2\"", "{\"premise\":\"2\""));
        var report = RationaleReader.Validate(path, TaskReader.Load("esnli"));
        Assert.Equal(2, report.ErrorCount);
        Assert.StartsWith($"{path}:1: fields: lacks 'hypothesis' (expected ", report.Errors[0]);
        Assert.StartsWith($"{path}:1: label: is 'yes' (expected one of entailment, ", report.Errors[1]);
        Assert.Equal(report.Errors[0], Assert.Throws<InvalidDataException>(() => RationaleReader.ReadAll(path, TaskReader.Load("esnli"))).Message);
    }

    [Fact]
    public void Read_FilesThatAreNoRows_AreRefused()
    {
        string text = Valid + "\n" + Other + "\n";
        byte[] zipped = Zip(text);
        foreach (var (name, bytes) in new (string, byte[])[]
        {
            ("empty.jsonl", []), ("text.jsonl.gz", Encoding.UTF8.GetBytes(text)), ("cut.jsonl.gz", zipped[..(zipped.Length / 2)]),
            ("utf16.jsonl", Encoding.Unicode.GetBytes(text)), ("latin1.jsonl", Encoding.Latin1.GetBytes(text.Replace("Why", "Où"))),
        })
        {
            string path = DataFiles.Write(name, bytes);
            Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => RationaleReader.ReadAll(path)).Message);
        }
    }

    /// <summary>What lies before the cut is whole rows, so that only the compression tells.</summary>
    [Fact]
    public void Read_OfGzipThatEndsBetweenRows_IsRefused()
    {
        var memory = new MemoryStream();
        var gzip = new GZipStream(memory, CompressionLevel.Optimal);
        gzip.Write(Encoding.UTF8.GetBytes(Valid + "\n"));
        gzip.Flush();
        string path = DataFiles.Write("flushed.jsonl.gz", memory.ToArray());
        Assert.StartsWith($"{path}:2: the gzip data are damaged", Assert.Throws<InvalidDataException>(() => RationaleReader.ReadAll(path)).Message);
    }

    [Fact]
    public void Read_OfAPipe_GivesTheRows()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Pipes have no path here.");
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out);
        pipe.Write(Encoding.UTF8.GetBytes(Valid + "\n" + Other + "\n"));
        string path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}";
        using var lines = new LineReader(path);
        pipe.Dispose();
        pipe.DisposeLocalCopyOfClientHandle();
        Assert.True(lines.TryRead(out ReadOnlyMemory<byte> first));
        Assert.Equal(Valid, Encoding.UTF8.GetString(first.Span));
        Assert.True(lines.TryRead(out _));
        Assert.False(lines.TryRead(out _));
    }

    [Fact]
    public void Write_WhenARowFails_LeavesTheOldFile()
    {
        string path = DataFiles.Write("out.jsonl", "old");
        Assert.Throws<InvalidOperationException>(() => RationaleWriter.Write(path, Failing()));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));

        static IEnumerable<RationaleRow> Failing()
        {
            yield return RationaleReader.ReadAll(DataFiles.Write("in.jsonl", Valid))[0];
            throw new InvalidOperationException("no more");
        }
    }

    [Fact]
    public void Sample_IsDeterministicAndKeepsLinesAsTheyAre()
    {
        var text = new StringBuilder();
        for (int i = 0; i < 50; i++) text.Append(Other.Replace("t/train/2", $"t/train/{i}").Replace("\"prov\"",
            "\"later\":1,\"prov\"")).Append('\n');
        string path = DataFiles.Write("in.jsonl", text.ToString());
        string[] samples = [path + ".a", path + ".b", path + ".c"];
        RationaleSampler.Sample(path, 10, 1, samples[0]);
        RationaleSampler.Sample(path, 10, 1, samples[1]);
        RationaleSampler.Sample(path, 10, 2, samples[2]);
        string[] lines = File.ReadAllLines(samples[0]), all = File.ReadAllLines(path);
        Assert.Equal(10, lines.Distinct().Count());
        Assert.Equal(lines, all.Where(lines.Contains));
        Assert.Equal(lines, File.ReadAllLines(samples[1]));
        Assert.NotEqual(lines, File.ReadAllLines(samples[2]));
        Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => RationaleSampler.Sample(path, 51, 1, samples[0])).Message);
    }

    static byte[] Zip(string text)
    {
        var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return memory.ToArray();
    }
}
