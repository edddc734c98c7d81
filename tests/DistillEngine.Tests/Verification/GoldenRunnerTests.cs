using DistillEngine.Kernels;
using DistillEngine.Tests.Data;
using DistillEngine.Tests.Kernels;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>The engine agrees with everything that is recorded.</summary>
public class GoldenRunnerTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.ProductIsas;

    [Fact]
    public void Run_OnTheGoldensOfTheRepository_PassesEveryCheck()
    {
        List<CheckResult> results = GoldenCopy.RunOn(GoldenCopy.Repository);
        AssertPassed(results);
        foreach (string group in new[] { "models/", "optimizers", "tokenizers/", "checkpoints", "published/" })
            Assert.Contains(results, r => r.Pass == true && r.Case.StartsWith(group, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Run_OnEveryIsa_PassesEveryCheck(CpuIsa isa)
    {
        CpuVariants.SkipWhereImpossible(isa);
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/buckets", "models/shortest", "optimizers");
        AssertPassed(GoldenCopy.RunOn(copy.PathOf(""), isa: isa));
    }

    [Fact]
    public void Run_OnTheGoldensBesideTheRepository_PassesEveryCheck()
    {
        string? data = Directory.Exists(Path.Combine(GoldenCopy.Shared, "..", "data")) ? DataFiles.Datasets() : null;
        AssertPassed(GoldenCopy.RunOn(GoldenCopy.Shared, data));
    }

    [Fact]
    public void Run_OnTheGoldensOfTheEnvironment_PassesEveryCheck()
    {
        string[] folders = (Environment.GetEnvironmentVariable("DISTILL_GOLDEN") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        if (folders.Length == 0) Assert.Skip("DISTILL_GOLDEN names no folders.");
        string? data = Environment.GetEnvironmentVariable("DISTILL_DATA");
        foreach (string folder in folders) AssertPassed(GoldenCopy.RunOn(folder, string.IsNullOrEmpty(data) ? null : data));
    }

    [Fact]
    public void Run_WhatIsNotBuiltYet_IsLeftOutWithAReason()
    {
        using var copy = new GoldenCopy(GoldenCopy.Shared, "gguf/case.json", "lora", "models/t5-v1_0", "tokenizers/t5");
        List<CheckResult> results = copy.Run();
        foreach (string left in new[] { "lora/", "gguf" })
            Assert.Contains(results, r => r.Pass is null && r.Case.StartsWith(left, StringComparison.Ordinal) && r.Reason is not null);
        Assert.Contains(results, r => r.Pass is null && r.Reason!.Contains("beam search", StringComparison.Ordinal));
        Assert.Contains(results, r => r.Pass is null && r.Reason!.Contains("--data", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_OnAFolderWithoutCases_FailsOneCheck()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository);
        CheckResult result = Assert.Single(copy.Run());
        Assert.False(result.Pass);
        Assert.Contains("no golden cases", result.Reason, StringComparison.Ordinal);
        result = Assert.Single(GoldenCopy.RunOn(copy.PathOf("absent")));
        Assert.Contains("no such folder", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WithADataFolderThatIsAbsent_Throws()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        Assert.Throws<DirectoryNotFoundException>(() => GoldenCopy.RunOn(copy.PathOf(""), copy.PathOf("absent")));
    }

    [Fact]
    public void Run_WhenCancelled_StopsBetweenChecks()
    {
        using var backend = new CpuBackend(CpuIsas.Choose(), threads: 1);
        using var cancel = new CancellationTokenSource();
        int checks = 0;
        Assert.Throws<OperationCanceledException>(() => GoldenRunner.Run([GoldenCopy.Repository], null, backend, _ =>
        {
            checks++;
            cancel.Cancel();
        }, cancel.Token));
        Assert.InRange(checks, 1, 20);
    }

    [Fact]
    public void Run_OnSeveralFolders_TellsTheirCasesApart()
    {
        using GoldenCopy first = new(GoldenCopy.Repository, "models/shortest"), second = new(GoldenCopy.Repository, "models/shortest");
        using var backend = new CpuBackend(CpuIsas.Choose(), threads: 1);
        var results = new List<CheckResult>();
        GoldenRunner.Run([first.PathOf(""), second.PathOf("")], null, backend, results.Add, TestContext.Current.CancellationToken);
        Assert.Equal(2, results.Select(r => r.Case).Distinct().Count());
    }

    // Beside the counted rows the others take no part: their hidden states and losses stay as recorded.
    [Fact]
    public void Run_WhenARowCountsNothing_TheOthersAgree()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/t5-v1_0");
        const string Forward = "models/t5-v1_0/forward.safetensors";
        const int Row = 1, Targets = 11;
        double lost = 0;
        int left = 0;
        copy.EditTensor<float>(Forward, "token_losses", nats =>
        {
            nats.Slice(Row * Targets, Targets).Clear();
            foreach (float nat in nats) (lost, left) = (lost + nat, left + (nat == 0 ? 0 : 1));
        });
        copy.EditTensor<long>(Forward, "labels", labels => labels.Slice(Row * Targets, Targets).Fill(-100));
        copy.EditTensor<long>(Forward, "decoder_input_ids", ids => ids.Slice(Row * Targets, Targets).Clear());
        copy.EditJson("models/t5-v1_0/case.json", record => record["forward"]!["loss"] = lost / left);
        List<CheckResult> results = [.. copy.Run().Where(r => r.Pass == false)];
        Assert.Equal(["gradients", "gradient norm"], results.Select(r => r.Check));
    }

    static void AssertPassed(List<CheckResult> results)
    {
        Assert.All(results, r => Assert.True(r.Pass is null ? r.Reason is not null : r.Pass == true, r.ToString()));
        Assert.Contains(results, r => r.Pass == true);
    }
}
