using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>A golden that is damaged fails its own check with a message that names the file; nothing else stops.</summary>
public class MalformedGoldenTests
{
    [Theory]
    [InlineData("models/shortest", "case.json", "{ \"forward\": ", "not valid JSON")]
    [InlineData("models/shortest", "case.json", "[]", "expected an object")]
    [InlineData("models/shortest", "case.json", "{}", "has no 'forward'")]
    [InlineData("models/shortest", "case.json", "{ \"forward\": { \"loss\": \"much\" } }", "has no 'reference_float32_error'")]
    [InlineData("models/shortest", "case.json", "{ \"forward\": 3 }", "forward is 3, expected an object")]
    [InlineData("models/shortest", "config.json", "{}", "model_type")]
    [InlineData("models/shortest", "forward.safetensors", "x", "forward.safetensors")]
    [InlineData("models/shortest", "model.safetensors", "x", "model.safetensors")]
    [InlineData("models/shortest", "generation.safetensors", null, "generation.safetensors")]
    [InlineData("optimizers", "case.json",
        "{ \"runs\": { \"adafactor-optax-momentum-decay\": { \"optimizer\": \"sgd\", \"options\": {} } } }", "optax.adafactor")]
    [InlineData("optimizers", "start.safetensors", null, "start.safetensors")]
    [InlineData("tokenizers/mini", "cases.json", "{ \"texts\": 1 }", "has no 'pieces'")]
    [InlineData("tokenizers/mini", "spiece.model", "x", "spiece.model")]
    [InlineData("tokenizers/mini", "spiece.model", null, "holds neither")]
    [InlineData("checkpoints", "case.json", "{}", "names no model")]
    [InlineData("published/metrics", "metrics.json", "{}", "has no 'eval_equation'")]
    public void Run_WhenAFileIsDamaged_FailsWithItsName(string folder, string file, string? contents, string message)
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, folder, "models/long");
        string path = copy.PathOf($"{folder}/{file}");
        if (contents is null) File.Delete(path);
        else File.WriteAllText(path, contents);
        CheckResult[] failed = [.. copy.Run().Where(r => r.Pass == false)];
        Assert.Contains(failed, r => r.Reason is not null && r.Reason.Contains(message, StringComparison.Ordinal)
            && r.Reason.Contains(copy.PathOf(""), StringComparison.Ordinal));
        Assert.All(failed, r => Assert.StartsWith(folder, r.Case));
    }

    [Fact]
    public void Run_WhenOneCaseIsDamaged_GoesOnWithTheOthers()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/shortest", "models/buckets");
        File.WriteAllText(copy.PathOf("models/buckets/case.json"), "{");
        List<CheckResult> results = copy.Run();
        Assert.Single(results, r => r.Pass == false);
        Assert.Contains(results, r => r.Case == "models/shortest" && r.Pass == true);
    }

    [Fact]
    public void Run_WhenAnIdLiesOutsideTheVocabulary_FailsInsteadOfReadingThere()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        copy.EditTensor<long>("models/shortest/forward.safetensors", "input_ids", ids => ids[0] = 50);
        CheckResult failed = Assert.Single(copy.Run(), r => r.Pass == false);
        Assert.Contains("holds the id 50, expected 0 to 49", failed.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WhenAMaskHasAHole_FailsWithTheRow()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        copy.EditTensor<long>("models/shortest/forward.safetensors", "attention_mask", mask => mask[0] = 0);
        CheckResult failed = Assert.Single(copy.Run(), r => r.Pass == false);
        Assert.Contains("row 0", failed.Reason, StringComparison.Ordinal);
    }
}
