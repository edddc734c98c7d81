using DistillEngine.Kernels;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Verification;

/// <summary>Training with bfloat16 products beside the recorded runs in float32.</summary>
public class Bf16TrainingTests
{
    /// <summary>Greatest relative difference of the loss of any step.</summary>
    const double Allowed = 2e-2;

    /// <summary>For a model 16 wide, whose run is sensitive: in float32, starting weights changed once, by 2⁻⁹ of themselves at the most,
    /// move the loss of a step by 1.5e-2 already.</summary>
    const double AllowedOfTheNarrowest = 4e-2;

    [Fact]
    public void Losses_OfTheRunsOfTheRepository_StayBesideThoseOfFloat32() => AssertLosses(GoldenCopy.Repository, "models/buckets", "models/t5-v1_0");

    [Fact]
    public void Losses_OfTheRunsBesideTheRepository_StayBesideThoseOfFloat32() =>
        AssertLosses(GoldenCopy.Shared, [.. Directory.GetDirectories(Path.Combine(GoldenCopy.Shared, "models")).Select(folder => $"models/{Path.GetFileName(folder)}")]);

    static void AssertLosses(string root, params string[] models)
    {
        using var copy = new GoldenCopy(root, models);
        CheckResult[] losses = [.. GoldenCopy.RunOn(copy.PathOf(""), precision: ComputePrecision.Bf16).Where(r => r.Check.EndsWith(": losses", StringComparison.Ordinal))];
        Assert.NotEmpty(losses);
        // Zero would be the float32 run itself.
        Assert.All(losses, r => Assert.True(r.Error > 1e-6 && r.Error <= (r.Case == "models/buckets" ? AllowedOfTheNarrowest : Allowed), r.ToString()));
    }
}
