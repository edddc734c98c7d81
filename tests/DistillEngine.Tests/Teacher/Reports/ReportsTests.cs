using System.Text.Json;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Reports;
using DistillEngine.Tests.Data;
using DistillEngine.Tests.Teacher.Answers;
using Xunit;

namespace DistillEngine.Tests.Teacher.Reports;

public class ReportsTests
{
    [Fact]
    public void Write_ThenRead_GivesTheSameManifest()
    {
        var run = Run(out var report);
        var manifest = Manifest("MIT") with { Results = ManifestResults.Of(report, run.Folder) };
        ManifestFile.Write(run.Folder, manifest);
        var read = ManifestFile.Read(run.Folder);
        Assert.Empty(manifest.Differences(read));
        ManifestFile.Write(DataFiles.TemporaryFolder(), read);
        Assert.Equal((manifest.Started, manifest.Finished, manifest.Params.MaxTokens), (read.Started, read.Finished, read.Params.MaxTokens));
        Assert.Equal(manifest.Results.Statuses, read.Results!.Statuses);
        Assert.Equal(ManifestInput.HashOf(Path.Combine(run.Folder, AnswerFiles.RationalesName)), read.Results.Files[AnswerFiles.RationalesName]);
        Assert.Equal(["manifest.json", "rationales.jsonl", "rejects.jsonl"], Directory.GetFiles(run.Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Write_OfAManifest_UsesTheNamesOfTheSchema()
    {
        string folder = DataFiles.TemporaryFolder();
        Run(out var report);
        ManifestFile.Write(folder, Manifest("MIT") with { Results = ManifestResults.Of(report) });
        string text = File.ReadAllText(Path.Combine(folder, ManifestFile.Name));
        Assert.DoesNotContain('\r', text);
        using var json = JsonDocument.Parse(text);
        var root = json.RootElement;
        Assert.Equal("distill.run/1", root.GetProperty("schema").GetString());
        Assert.Equal("t", root.GetProperty("task").GetProperty("sha256").GetString());
        Assert.Equal(256, root.GetProperty("params").GetProperty("max_tokens").GetInt32());
        Assert.Equal(60, root.GetProperty("limits").GetProperty("rpm").GetDouble());
        Assert.Equal(1, root.GetProperty("results").GetProperty("statuses").GetProperty("parse_failed").GetInt32());
        Assert.Equal(0.5, root.GetProperty("results").GetProperty("accuracy").GetDouble());
    }

    [Theory]
    [InlineData("", "1")]
    [InlineData("null", "is null")]
    [InlineData("{}", "is no manifest")]
    [InlineData("{\n\"schema\": 3}", "manifest.json:2: ")]
    public void Read_OfSomethingElse_SaysSo(string text, string problem)
    {
        string path = DataFiles.Write(ManifestFile.Name, text);
        var error = Assert.Throws<InvalidDataException>(() => ManifestFile.Read(Path.GetDirectoryName(path)!));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(problem, error.Message);
    }

    [Fact]
    public void Read_OfAnotherSchema_NamesBoth()
    {
        string folder = DataFiles.TemporaryFolder();
        ManifestFile.Write(folder, Manifest("MIT") with { Schema = "distill.run/2" });
        Assert.Contains("'distill.run/2' (expected 'distill.run/1')", Assert.Throws<InvalidDataException>(() => ManifestFile.Read(folder)).Message);
    }

    [Fact]
    public void Read_OfAnEmptyFolder_SaysWhatIsExpected() =>
        Assert.Contains("distill-teacher run", Assert.Throws<FileNotFoundException>(() => ManifestFile.Read(DataFiles.TemporaryFolder())).Message);

    [Fact]
    public void Differences_OfOtherSettings_NamesEachOne()
    {
        var before = Manifest("MIT");
        Assert.Empty(before.Differences(before with
        {
            Run = "again",
            Started = before.Started.AddDays(1),
            Limits = new Dictionary<string, double?>(),
            Parser = "published"
        }));
        var now = before with { Model = "teacher-2", Samples = 3, Endpoint = null, Prompt = before.Prompt with { Sha256 = "other" } };
        Assert.Equal(
            ["prompt: p before, other now", "model: teacher-1 before, teacher-2 now", "host: api.example.org before, none now", "samples: 1 before, 3 now"],
            before.Differences(now));
    }

    [Fact]
    public void Of_AReport_ShowsWhatCounts()
    {
        Run(out var report);
        string text = RunReport.Of(Manifest("MIT"), report);
        Assert.Contains("teacher   teacher-1 at api.example.org, 1 sample a row\n", text);
        Assert.Contains("rows      4: 3 answered, 1 not asked yet\n", text);
        Assert.Contains("attempts  4, of which failed: server 1\n", text);
        Assert.Contains("tokens    300 read, 60 written, 30 from the server's cache\n", text);
        Assert.Contains("status    ok 2, parse_failed 1\n", text);
        Assert.Contains("accuracy  50.00 % (95 %: ", text);
        Assert.DoesNotContain("warning", text);
    }

    [Theory]
    [InlineData("MIT", "license: other\nlicense_name: \"MIT\"\n", "names the licence of the questions as: MIT.")]
    [InlineData("unknown", "license: unknown\n", "names no licence of the questions.")]
    [InlineData(null, "license: unknown\n", "names no licence of the questions.")]
    [InlineData("a \"b\"", "license_name: \"a \\\"b\\\"\"\n", "as: a \"b\".")]
    public void Of_ACard_StatesTheLicenceAndGuessesNone(string? license, string front, string terms)
    {
        Run(out var report);
        string card = DatasetCard.Of(Manifest(license), report);
        Assert.StartsWith("---\npretty_name: \"cqa: rationales by teacher-1\"\n", card);
        Assert.Contains(front, card);
        Assert.Contains(terms, card);
        Assert.Contains("terms of use of a model and of its provider may", card);
        Assert.Contains("| parse_failed | 1 |\n", card);
        Assert.Contains("n<1K", card);
    }

    [Fact]
    public void ToJson_OfResults_IsForScripts()
    {
        Run(out var report);
        using var json = JsonDocument.Parse(ManifestFile.ToJson(ManifestResults.Of(report)));
        Assert.Equal(1, json.RootElement.GetProperty("pending").GetInt32());
        Assert.Equal(1, json.RootElement.GetProperty("errors").GetProperty("server").GetInt32());
    }

    static Answering Run(out AnswerReport report)
    {
        var run = new Answering().Row("1").Row("2").Row("3", gold: null).Row("4").Fails("1", "server: 500", 500).Says("1", 'a').Writes("2",
            "Hm.").Says("3", 'a');
        report = run.Write();
        return run;
    }

    static RunManifest Manifest(string? license) => new()
    {
        Run = "cqa-01",
        Tool = ToolVersion.Name,
        Commit = BuildInfo.Commit,
        Host = BuildInfo.Host,
        Started = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Finished = new(2026, 1, 2, 4, 0, 0, TimeSpan.Zero),
        Task = new("cqa", "built-in:cqa", "t", "d", "s", 7, license, "made up"),
        Inputs = [new("cqa_train.json", "i", 4)],
        Prompt = new("chat", "p", "Q: {{input}}\nA:"),
        Model = "teacher-1",
        Provider = "openai-compat",
        Endpoint = "api.example.org",
        Params = new() { MaxTokens = 256, Temperature = 0, Stop = ["\nQ:"] },
        ParamsSha = "q",
        Samples = 1,
        Limits = new Dictionary<string, double?> { ["rpm"] = 60, ["tpm"] = null },
        Prices = new(0.5, 1.5, "--price-in, --price-out"),
    };
}
