using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>What a case should hold and does not is a failed check that names it, unless the copy says that it leaves it out.</summary>
public class IncompleteGoldenTests
{
    [Theory]
    [InlineData("models/buckets", "training_adamw_step20.safetensors", "training adamw: parameters after step 20")]
    [InlineData("models/buckets", "case.json", "case")]
    [InlineData("optimizers", "adafactor-optax-momentum-decay.safetensors", "adafactor-optax-momentum-decay")]
    [InlineData("optimizers", "case.json", "case")]
    [InlineData("checkpoints", "case.json", "case")]
    public void Run_WithoutAFile_FailsOrSkipsAsTheCopySays(string folder, string file, string check)
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, folder, "models/long");
        File.Delete(copy.PathOf($"{folder}/{file}"));
        CheckResult failed = Assert.Single(copy.Run(), r => r.Pass == false);
        Assert.Equal((folder, check), (failed.Case, failed.Check));
        Assert.Contains($"{copy.PathOf(folder)}: {file} is missing", failed.Reason, StringComparison.Ordinal);

        File.AppendAllText(copy.PathOf($"{folder}/left-out.txt"), $"{file}\n");
        Assert.DoesNotContain(copy.Run(), r => r.Pass == false && r.Case == folder);
    }

    [Theory]
    [InlineData("step6.nearly", "step6.absent", "step6.nearly")]
    [InlineData("step6.", "step9.", "step6.")]
    [InlineData("step1.", "step7.", "belongs to no step")]
    public void Run_WhenARecordedStepHasAnotherName_Fails(string name, string other, string message)
    {
        const string File = "optimizers/adafactor-optax-momentum-decay.safetensors";
        using var copy = new GoldenCopy(GoldenCopy.Repository, "optimizers");
        copy.Rename(File, name, other);
        CheckResult failed = Assert.Single(copy.Run(), r => r.Pass == false);
        Assert.Contains(message, failed.Reason, StringComparison.Ordinal);
        Assert.Contains(copy.PathOf(File), failed.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WhenStepsOfARunAreCutOff_Fails()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/buckets");
        copy.EditJson("models/buckets/case.json", r => r["training"]!["adamw"]!["steps"]!.AsArray().RemoveAt(19));
        Assert.Contains("has 19 steps", Assert.Single(copy.Run(), r => r.Pass == false).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("untied-bf16", null, "untied-bf16 is missing")]
    [InlineData("evil-bin", null, "evil-* is missing")]
    [InlineData("evil-bin", "config.json", "config.json")]
    [InlineData("evil-bin", "pytorch_model.bin", "refused for another reason")]
    public void Run_WithoutALayoutOrWhatItIsRefusedFor_Fails(string layout, string? file, string message)
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "checkpoints", "models/long");
        // What the other model has, this one should have.
        copy.EditJson("checkpoints/case.json", r => r["tied"] = "models/long");
        foreach (string other in Directory.GetDirectories(copy.PathOf("checkpoints"), "untied-*"))
        {
            if (Path.GetFileName(other) is not ("untied-bf16" or "untied-bin"))
            {
                Directory.Delete(other, recursive: true);
                continue;
            }
            string tied = Directory.CreateDirectory(other.Replace("untied-", "tied-", StringComparison.Ordinal)).FullName;
            foreach (string part in Directory.GetFiles(other)) File.Copy(part, Path.Combine(tied, Path.GetFileName(part)));
        }
        Assert.DoesNotContain(copy.Run(), r => r.Pass == false);

        string path = copy.PathOf($"checkpoints/{layout}");
        if (file is null) Directory.Move(path, copy.PathOf("aside"));
        else File.WriteAllBytes(Path.Combine(path, file), file == "config.json" ? [] : File.ReadAllBytes(Path.Combine(path, file))[..20]);
        Assert.Contains(copy.Run(), r => r.Pass == false && (r.Reason ?? r.Worst)!.Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void Run_WhenARecordNamesNoRuns_Fails()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "optimizers");
        copy.EditJson("optimizers/case.json", r => r["runs"]!.AsObject().Clear());
        CheckResult result = Assert.Single(copy.Run());
        Assert.False(result.Pass);
        Assert.Contains("records nothing to check", result.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rows.safetensors", "row order", "rows")]
    [InlineData("evaluation.safetensors", "evaluation")]
    [InlineData("evaluation.json", "evaluation")]
    [InlineData("parameters-step-0002.safetensors", "parameters after step 2")]
    [InlineData("statistics-step-0010.json", "statistics after step 10")]
    [InlineData("run.json", "case")]
    public void Run_OfThePublishedCodeWithoutAFile_Fails(string file, params string[] checks)
    {
        const string Folder = "published/cqa-standard-llm";
        using var copy = new GoldenCopy(GoldenCopy.Shared, Folder, "published/student", "tokenizers/t5/spiece.model");
        File.Delete(copy.PathOf($"{Folder}/{file}"));
        CheckResult[] failed = [.. copy.Run().Where(r => r.Pass == false)];
        Assert.Equal(checks, failed.Select(r => r.Check));
        Assert.All(failed, r => Assert.Contains($"{file} is missing", r.Reason, StringComparison.Ordinal));
    }
}
