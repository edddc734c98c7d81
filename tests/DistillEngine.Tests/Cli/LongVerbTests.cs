using System.Text.Json;
using DistillEngine.Terminal;
using DistillEngine.Tests.Formats;
using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>The verbs that need no trained model: import, verify, demo.</summary>
public sealed class LongVerbTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ImportDss_WithJson_CountsRowsAndTheTeachersHits()
    {
        Publish(questions: 2, outputs: ["It is so. The answer is (3).", "The answer is (5)."]);
        CliResult result = CliResult.Of("data", "import", "dss", "--task", "svamp", "--split", "train", "--input", _folder.Path, "--output",
            _folder["out.jsonl"], "--json");
        JsonElement report = Assert.Single(result.Json);
        Assert.Equal((0, 2, 2, 0.5), (result.Code, report.GetProperty("rows").GetInt32(), report.GetProperty("parsed").GetInt32(),
            report.GetProperty("teacherAccuracy").GetDouble()));
        Assert.Equal(0, CliResult.Of("data", "validate", _folder["out.jsonl"], "--task", "svamp").Code);
    }

    [Theory]
    [InlineData("train", "Next: distill train --data ")]
    [InlineData("test", "Next: distill eval --data ")]
    public void ImportDss_OfASplit_SuggestsWhatItIsFor(string split, string next)
    {
        Publish(questions: 1, outputs: ["The answer is (3)."], split);
        string output = _folder["my rows.jsonl"];
        CliResult result = CliResult.Of("data", "import", "dss", "--task", "svamp", "--split", split, "--input", _folder.Path, "--output", output);
        Assert.Equal(0, result.Code);
        Assert.Contains(next + CommandText.Quote(output), result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ImportDss_OfUnequalCounts_IsRefusedAndWritesNothing()
    {
        Publish(questions: 3, outputs: ["The answer is (3)."]);
        string[] before = _folder.Names;
        CliResult result = CliResult.Of("data", "import", "dss", "--task", "svamp", "--split", "train", "--input", _folder.Path, "--output",
            _folder["out.jsonl"]);
        Assert.True(result.Code == 3 && result.Output.Length == 0, result.ToString());
        Assert.Contains(_folder.Path, result.Error, StringComparison.Ordinal);
        Assert.Equal(before, _folder.Names);
    }

    [Fact]
    public void Verify_WithJson_WritesOneObjectACheck()
    {
        CliResult result = CliResult.Of("verify", "--golden", GoldenFolders.InRepository(), "--json", "--threads", "1");
        Assert.True(result.Code == 0 && result.Json.Length > 10, result.ToString());
        Assert.All(result.Json, check =>
        {
            Assert.Equal(["case", "check", "worst", "error", "allowed", "pass"], check.EnumerateObject().Select(p => p.Name).Take(6));
            JsonValueKind pass = check.GetProperty("pass").ValueKind;
            Assert.True(pass == JsonValueKind.True || (pass == JsonValueKind.Null && check.GetProperty("reason").GetString() is { Length: > 0 }),
                check.ToString());
        });
        Assert.Contains("0 failed", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_WhereEveryCheckIsLeftOut_Fails()
    {
        using var copy = new GoldenCopy(GoldenFolders.InRepository(), "optimizers");
        const string Recorded = "adafactor-optax-momentum-decay.safetensors";
        File.Delete(copy.PathOf($"optimizers/{Recorded}"));
        File.AppendAllText(copy.PathOf("optimizers/left-out.txt"), Recorded);
        CliResult result = CliResult.Of("verify", "--golden", copy.PathOf(""), "--threads", "1");
        Assert.True(result.Code == 1 && result.Error.Contains("nothing is verified", StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void Verify_OfAFolderThatIsNotThere_Fails()
    {
        CliResult result = CliResult.Of("verify", "--golden", _folder["none"]);
        Assert.True(result.Code == 1 && result.Output.Contains(_folder["none"], StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void Demo_OfAFewSteps_ComparesBothMethodsAndShowsTheCommands()
    {
        CliResult result = CliResult.Of("demo", "--steps", "2", "--output", _folder["demo"], "--threads", "1");
        Assert.True(result.Code == 0, result.ToString());
        Assert.All((string[])["standard", "step-by-step", "because:", "distill train", "distill eval", "distill predict"], word =>
            Assert.Contains(word, result.Output, StringComparison.Ordinal));
        CliResult again = CliResult.Of("demo", "--steps", "2", "--output", _folder["demo"]);
        Assert.True(again.Code == 2 && again.Error.Contains("not empty", StringComparison.Ordinal), again.ToString());
    }

    /// <summary>A data set in the published layout.</summary>
    void Publish(int questions, string[] outputs, string split = "train")
    {
        Directory.CreateDirectory(_folder["llm"]);
        File.WriteAllLines(_folder[$"svamp_{split}.json"], Enumerable.Range(0, questions).Select(i => $$"""{"input":"Question {{i}}","label":"( 1.0 + 2.0 )"}"""));
        File.WriteAllText(Path.Combine(_folder["llm"], $"{split}_CoT_0.json"), JsonSerializer.Serialize(outputs));
    }
}
