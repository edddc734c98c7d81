using DistillEngine.Kernels;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>Training with bfloat16 products beside the recorded runs in float32.</summary>
public class Bf16TrainingTests
{
    /// <summary>Greatest relative difference of the loss of any step.</summary>
    const double Allowed = 2e-2;

    [Fact]
    public void Losses_OfTheRunsOfTheRepository_StayBesideThoseOfFloat32() => AssertLosses(GoldenCopy.Repository, "models/buckets", "models/t5-v1_0");

    [Fact]
    public void Losses_OfTheRunsBesideTheRepository_StayBesideThoseOfFloat32() =>
        AssertLosses(GoldenCopy.Shared,
            [.. Directory.GetDirectories(Path.Combine(GoldenCopy.Shared, "models")).Select(folder => $"models/{Path.GetFileName(folder)}")]);

    static void AssertLosses(string root, params string[] models)
    {
        using var copy = new GoldenCopy(root, models);
        CheckResult[] losses = [.. GoldenCopy.RunOn(copy.PathOf(""), precision: ComputePrecision.Bf16).Where(r =>
            r.Check.EndsWith(": losses", StringComparison.Ordinal))];
        Assert.NotEmpty(losses);
        // Nearly zero would be the float32 run itself.
        Assert.All(losses, r => Assert.True(r.Error is > 1e-5 and <= Allowed, r.ToString()));
    }
}
