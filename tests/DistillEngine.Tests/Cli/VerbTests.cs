using System.Text.Json;
using DistillEngine.Cli;
using DistillEngine.Kernels;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>The verbs end to end: data on stdout, messages on stderr, JSON with the keys that scripts rely on.</summary>
public class VerbTests(TrainedTask trained) : IClassFixture<TrainedTask>
{
    static readonly string[] StepKeys = ["step", "loss", "labelLoss", "rationaleLoss", "gradientNorm", "learningRate", "tokensPerSecond"];

    [Fact]
    public void Train_WithJson_WritesEveryStepAndLogsTheSame()
    {
        JsonElement[] steps = trained.Training.Json;
        Assert.Equal(Enumerable.Range(1, 6), steps.Select(s => s.GetProperty("step").GetInt32()));
        Assert.All(steps, s => Assert.Equal(StepKeys, s.EnumerateObject().Select(p => p.Name)));
        Assert.Equal(trained.Training.OutputLines, File.ReadAllLines(Path.Combine(trained.Model, StepLog.FileName)));
        Assert.All((string[])["rows", "tokens", "parameters", "memory", "steps"], word =>
            Assert.Contains(word, trained.Training.Error, StringComparison.Ordinal));
    }

    [Fact]
    public void Train_WithoutJson_WritesNothingToStdout()
    {
        CliResult result = CliResult.Of(trained.TrainArguments("quiet", 2));
        Assert.True(result is { Code: 0, Output: "" }, result.ToString());
        Assert.Contains("distill eval", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    public void Train_OfAType_NamesTheDeviceAndWhetherTheTypeIsEmulated(string type)
    {
        CpuIsa isa = CpuIsas.Choose();
        using CpuBackend backend = new(isa, threads: 1, type == "bf16" ? ComputePrecision.Bf16 : ComputePrecision.F32);
        CliResult result = CliResult.Of([.. trained.TrainArguments($"device-{type}", 1), "--device", "cpu", "--dtype", type]);
        Assert.True(result.Code == 0, result.ToString());
        AssertDevice(result, backend.Name, type == "bf16" && !CpuIsas.HasBf16(isa));
    }

    [Fact]
    public void Train_InBf16WithoutSuchProducts_SaysThatTheyAreEmulated()
    {
        using var train = new DistillProcess([.. trained.TrainArguments("emulated", 1), "--device", "cpu", "--dtype", "bf16"],
            [(CpuIsas.Variable, "vector256")]);
        Assert.True(train.WaitForExit() == 0, train.Error);
        AssertDevice(new(0, "", train.Error), "cpu/vector256+bf16-emulated", isEmulated: true);
    }

    static void AssertDevice(CliResult result, string name, bool isEmulated)
    {
        string line = Assert.Single(result.ErrorLines, line => line.StartsWith("device ", StringComparison.Ordinal));
        Assert.Equal(name, line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1].TrimEnd(':'));
        Assert.Equal(isEmulated, line.Contains("bf16 is emulated", StringComparison.Ordinal) && line.Contains("no faster than --dtype f32", StringComparison.Ordinal));
    }

    [Fact]
    public void Train_WhenCancelled_SavesAndReturns130()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        CliResult result = CliResult.Of(cancel.Token, trained.TrainArguments("stopped"));
        Assert.True(result.Code == 130, result.ToString());
        Assert.Equal([1L], new CheckpointFolder(trained.Task.Output("stopped")).Steps);
        Assert.Contains("--resume", result.Error, StringComparison.Ordinal);
        CliResult resumed = CliResult.Of([.. trained.TrainArguments("stopped"), "--resume"]);
        Assert.True(resumed.Code == 0, resumed.ToString());
        Assert.Contains("resumed", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Path.Combine(trained.Model, "model.safetensors")),
            File.ReadAllBytes(Path.Combine(trained.Task.Output("stopped"), "model.safetensors")));
    }

    [Fact]
    public void Train_WithProfile_ShowsItsOps()
    {
        CliResult result = CliResult.Of([.. trained.TrainArguments("profiled", 2), "--profile"]);
        Assert.True(result is { Code: 0, Output: "" }, result.ToString());
        Assert.All((string[])["matmul.backward.input", "gradient_norm.forward", "adamw.update", "outside of ops"],
            op => Assert.Contains(result.ErrorLines, line => line.StartsWith(op, StringComparison.Ordinal)));
    }

    [Fact]
    public void Eval_WithProfile_ShowsItsOps()
    {
        CliResult result = CliResult.Of("eval", "--model", trained.Model, "--data", trained.Task.Validation, "--max-new-tokens", "2", "--profile");
        Assert.True(result.Code == 0, result.ToString());
        Assert.Single(result.OutputLines);
        Assert.All((string[])["matmul.forward", "attention.forward", "outside of ops"],
            op => Assert.Contains(result.ErrorLines, line => line.StartsWith(op, StringComparison.Ordinal)));
    }

    [Fact]
    public void Eval_WithJson_GivesRowsMetricAndAccuracy()
    {
        CliResult result = CliResult.Of("eval", "--model", trained.Model, "--data", trained.Task.Validation, "--json", "--max-new-tokens", "4");
        JsonElement report = Assert.Single(result.Json);
        Assert.Equal((0, 6, "exact"), (result.Code, report.GetProperty("rows").GetInt32(), report.GetProperty("metric").GetString()));
        double accuracy = report.GetProperty("accuracy").GetDouble();
        Assert.InRange(accuracy, 0, 1);
        Assert.InRange(accuracy, report.GetProperty("low").GetDouble(), report.GetProperty("high").GetDouble());
    }

    [Fact]
    public void Eval_AsText_IsOneLine()
    {
        CliResult result = CliResult.Of("eval", "--model", trained.Model, "--data", trained.Task.Validation, "--max-new-tokens", "4");
        Assert.True(result.Code == 0 && result.OutputLines.Length == 1 && result.Output.Contains("accuracy", StringComparison.Ordinal), result.ToString());
    }

    [Theory]
    [InlineData("0,001")]
    [InlineData("1,000.5")]
    [InlineData("NaN")]
    [InlineData("1e999")]
    public void Train_AtARateThatIsNoPlainNumber_SaysWhatIsExpected(string rate)
    {
        CliResult result = CliResult.Of([.. trained.TrainArguments("comma").Select(a => a == "2e-3" ? rate : a)]);
        Assert.True(result.Code == 2, result.ToString());
        Assert.Contains($"--lr is '{rate}', expected a number with a decimal point", result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(trained.Task.Output("comma")));
    }

    [Theory]
    [InlineData("", "--resume")]
    [InlineData("/", "--json")]
    public void Train_IntoTheModelItStartsFrom_RefusesAndKeepsIt(string pathEnd, string option)
    {
        byte[] before = File.ReadAllBytes(Path.Combine(trained.Model, "model.safetensors"));
        CliResult result = CliResult.Of("train", "--data", trained.Task.Data, "--task", trained.Task.Task, "--model", trained.Model, "--output", trained.Model + pathEnd,
            "--steps", "1", option);
        Assert.True(result.Code == 3 && result.Error.Contains("is the model to start from", StringComparison.Ordinal), result.ToString());
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(trained.Model, "model.safetensors")));
    }

    [Fact]
    public void Train_ResumedWhereAModelAndNoCheckpointLies_RefusesAndKeepsIt()
    {
        string folder = Directory.CreateDirectory(trained.Task.Output("taken")).FullName, weights = Path.Combine(folder, "pytorch_model.bin");
        File.WriteAllText(weights, "a model");
        CliResult result = CliResult.Of([.. trained.TrainArguments("taken"), "--resume"]);
        Assert.True(result.Code == 3 && result.Error.Contains("holds a model and no checkpoint", StringComparison.Ordinal), result.ToString());
        Assert.Equal([weights], Directory.GetFiles(folder));
    }

    [Fact]
    public void Train_ThatEndsInSkippedSteps_FailsAndWritesNoModel()
    {
        CliResult result = CliResult.Of([.. trained.TrainArguments("diverged", steps: 4).Select(a => a == "2e-3" ? "1e30" : a)]);
        Assert.True(result.Code == 1 && result.Error.Contains("steps in a row", StringComparison.Ordinal), result.ToString());
        Assert.False(File.Exists(Path.Combine(trained.Task.Output("diverged"), "model.safetensors")));
    }

    [Fact]
    public void Train_OnAPipe_RefusesWhatCannotBeReadTwice()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Pipes have no path here.");
        using var pipe = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out);
        string path = $"/proc/self/fd/{pipe.GetClientHandleAsString()}";
        CliResult result = CliResult.Of([.. trained.TrainArguments("pipe").Select(a => a == trained.Task.Data ? path : a)]);
        Assert.True(result.Code == 3 && result.Error.Contains($"{path}: is a pipe", StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void Predict_OfATextThatBeginsWithAt_AnswersIt()
    {
        CliResult result = CliResult.Of("predict", "--model", trained.Model, "@nobody asked", "--max-new-tokens", "2");
        Assert.True(result.Code == 0 && result.OutputLines.Length == 1, result.ToString());
    }

    [Fact]
    public void Predict_OfAnInputBeyondTheTasksCap_SaysThatItWasCut()
    {
        CliResult result = CliResult.Of("predict", "--model", trained.Model, string.Join(' ', Enumerable.Repeat("a cup or a car?", 2000)), "--max-new-tokens", "1");
        Assert.True(result.Code == 0 && result.Error.Contains("cut to the task's caps: 1 inputs.", StringComparison.Ordinal), result.ToString());
    }

    [Fact]
    public void Predict_OfOneText_AnswersAndExplains()
    {
        string[] call = ["predict", "--model", trained.Model, "which is larger, a cup or a car?", "--max-new-tokens", "5", "--min-new-tokens", "2"];
        CliResult plain = CliResult.Of(call), explained = CliResult.Of([.. call, "--explain"]), json = CliResult.Of([.. call, "--explain", "--jsonl"]);
        Assert.True(plain.Code == 0 && plain.Output.Count(c => c == '\n') == 1, plain.ToString());
        Assert.StartsWith(plain.Output, explained.Output, StringComparison.Ordinal);
        Assert.Contains("because:", explained.Output, StringComparison.Ordinal);
        JsonElement answer = Assert.Single(json.Json);
        Assert.Equal(["id", "input", "label", "rationale"], answer.EnumerateObject().Select(p => p.Name));
        Assert.Equal(plain.Output.TrimEnd(), answer.GetProperty("label").GetString());
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    [InlineData("int8")]
    [InlineData("int4")]
    public void Predict_WithLowWeights_Answers(string weights)
    {
        CliResult result = CliResult.Of("predict", "--model", trained.Model, "which is larger, a cup or a car?", "--max-new-tokens", "5", "--min-new-tokens",
            "2", "--weights", weights, "--jsonl");
        Assert.Equal(0, result.Code);
        Assert.Equal(JsonValueKind.String, Assert.Single(result.Json).GetProperty("label").ValueKind);
    }

    [Fact]
    public void Predict_ThatIsStopped_KeepsWhatItHasAnswered()
    {
        string file = trained.Task.Output("many.txt");
        File.WriteAllLines(file, Enumerable.Range(0, 5).Select(i => string.Join(' ', Enumerable.Repeat("a cup or a car?", 5 - i))));
        string[] call = ["predict", "--model", trained.Model, "--input", file, "--explain", "--max-new-tokens", "4", "--batch", "2"];
        CliResult whole = CliResult.Of(call);
        using var cancel = new CancellationTokenSource();
        using var output = new CancellingWriter(cancel);
        using var error = new StringWriter();
        int code = CommandLine.Run(call, output, error, cancel.Token);
        Assert.True(code == 130 && whole.Code == 0, whole.ToString());
        Assert.StartsWith(output.ToString(), whole.Output, StringComparison.Ordinal);
        Assert.Equal(2, output.ToString().Split("because:").Length - 1);
        Assert.Contains("The first 2 of 5 answers are written.", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("--resume", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Predict_WhoseAnswersHaveNoEnd_SaysHowMany()
    {
        CliResult result = CliResult.Of("predict", "--model", trained.Model, "which is larger, a cup or a car?", "--explain", "--max-new-tokens", "3",
            "--min-new-tokens", "3");
        Assert.True(result.Code == 0 && result.Error.Contains("2 of 2 generated texts were ended by --max-new-tokens 3.", StringComparison.Ordinal),
            result.ToString());
    }

    [Fact]
    public void Predict_OfFiles_KeepsOrderAndIds()
    {
        string[] texts = ["which is larger, a cup or a car?", "which is larger, a house or a spoon?", "a bridge?"];
        string plain = trained.Task.Output("inputs.txt"), lines = trained.Task.Output("inputs.jsonl");
        File.WriteAllLines(plain, texts);
        File.WriteAllLines(lines, texts.Select((t, i) => JsonSerializer.Serialize(new Dictionary<string, string> { ["id"] = $"row-{i}", ["input"] = t })));
        JsonElement[] fromText = Predict(plain), fromLines = Predict(lines);
        Assert.Equal(texts, fromText.Select(a => a.GetProperty("input").GetString()));
        Assert.Equal(["1", "2", "3"], fromText.Select(a => a.GetProperty("id").GetString()));
        Assert.Equal(["row-0", "row-1", "row-2"], fromLines.Select(a => a.GetProperty("id").GetString()));
        Assert.Equal(fromText.Select(a => a.GetProperty("label").GetString()), fromLines.Select(a => a.GetProperty("label").GetString()));

        JsonElement[] Predict(string file)
        {
            CliResult result = CliResult.Of("predict", "--model", trained.Model, "--input", file, "--jsonl", "--max-new-tokens", "4", "--batch", "2");
            Assert.True(result.Code == 0, result.ToString());
            return result.Json;
        }
    }

    [Fact]
    public void Stats_WithJson_CountsRows()
    {
        CliResult result = CliResult.Of("data", "stats", trained.Task.Data, "--task", trained.Task.Task, "--tokenizer", trained.Task.Tokenizer, "--json");
        JsonElement stats = Assert.Single(result.Json);
        Assert.Equal((24, 24, 24, 1.0),
            (stats.GetProperty("rows").GetInt32(), stats.GetProperty("withRationale").GetInt32(), stats.GetProperty("teacherRows").GetInt32(),
            stats.GetProperty("teacherAccuracy").GetDouble()));
        Assert.Equal(24, stats.GetProperty("statuses").GetProperty("ok").GetInt32());
        Assert.True(stats.GetProperty("tokens").EnumerateObject().Any());
    }

    [Fact]
    public void Preview_ShowsTextsAndIdsOfBothTasks()
    {
        CliResult result = CliResult.Of("data", "preview", trained.Task.Data, "--row", "1", "--tokenizer", trained.Task.Tokenizer, "--task", trained.Task.Task);
        Assert.True(result is { Code: 0, Error: "" }, result.ToString());
        Assert.All((string[])["predict: which is larger, a spoon or a chair?", "explain: which", "chair", "a spoon is smaller than a chair.", " ids: "],
            text => Assert.Contains(text, result.Output, StringComparison.Ordinal));
        CliResult beyond = CliResult.Of("data", "preview", trained.Task.Data, "--row", "24", "--tokenizer", trained.Task.Tokenizer, "--task",
            trained.Task.Task);
        Assert.True(beyond.Code == 2 && beyond.Error.Contains("24 rows", StringComparison.Ordinal), beyond.ToString());
    }

    [Fact]
    public void Validate_OfAGoodFile_CountsNoErrors()
    {
        CliResult result = CliResult.Of("data", "validate", trained.Task.Data, "--task", trained.Task.Task);
        Assert.Equal(new CliResult(0, $"24 rows, 0 errors{Environment.NewLine}", ""), result);
    }

    [Fact]
    public void Sample_TakesTheSameRowsForTheSameSeed()
    {
        string[] outputs = [.. ((int[])[1, 1, 2]).Select((seed, i) =>
        {
            string path = trained.Task.Output($"sample-{i}.jsonl");
            CliResult result = CliResult.Of("data", "sample", trained.Task.Data, "--rows", "5", "--seed", $"{seed}", "--output", path);
            Assert.True(result is { Code: 0, Output: "" }, result.ToString());
            return File.ReadAllText(path);
        })];
        Assert.Equal(outputs[0], outputs[1]);
        Assert.NotEqual(outputs[0], outputs[2]);
        Assert.Equal(5, outputs[0].Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Theory]
    [InlineData("", "model folder", "parameters")]
    [InlineData("model.safetensors", "safetensors file", "tensors")]
    [InlineData("config.json", "configuration", "vocabularySize")]
    [InlineData("spiece.model", "tokenizer", "tokenizerPieces")]
    public void Inspect_WithJson_TellsTheKind(string file, string kind, string key)
    {
        string path = Path.Combine(trained.Model, file);
        CliResult result = CliResult.Of("inspect", path, "--json"), text = CliResult.Of("inspect", path);
        JsonElement facts = Assert.Single(result.Json);
        Assert.Equal((path, kind, ""), (facts.GetProperty("path").GetString(), facts.GetProperty("kind").GetString(), result.Error));
        Assert.Equal(JsonValueKind.Number, facts.GetProperty(key).ValueKind);
        Assert.True(text.Code == 0 && text.Output.Contains(kind, StringComparison.Ordinal), text.ToString());
    }
}
