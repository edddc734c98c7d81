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
        AssertLosses(GoldenCopy.Shared, "models/t5-v1_1", "published/svamp-taskprefix-lr1e-3");

    [Fact]
    public void Of_ARunThatCannotBeMade_SaysWhichAndWhy()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/buckets");
        File.Delete(copy.PathOf("models/buckets/training_batches.safetensors"));
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => Losses(copy.PathOf(""), ComputePrecision.F32));
        Assert.StartsWith("models/buckets: training: ", e.Message, StringComparison.Ordinal);
    }

    /// <param name="cases">Some of those that there are.</param>
    static void AssertLosses(string root, params string[] cases)
    {
        LossDifference[] losses = Losses(root, ComputePrecision.Bf16);
        Assert.All(cases, name => Assert.Contains(losses, r => r.Case == name));
        Assert.All(losses, r => Assert.True(r.Error <= Allowed, r.ToString()));
        // Nearly zero would be the float32 run itself. The published student is one of few inputs, whose forward products are float32.
        Assert.All(losses.Where(r => r.Case.StartsWith("models/", StringComparison.Ordinal)), r => Assert.True(r.Error > 1e-5, r.ToString()));
        Assert.All(losses, r => Assert.StartsWith("step ", r.Where, StringComparison.Ordinal));
    }

    static LossDifference[] Losses(string root, ComputePrecision precision)
    {
        using var backend = new CpuBackend(CpuIsas.Choose(), threads: 2, precision);
        return [.. RecordedLosses.Of(root, backend, TestContext.Current.CancellationToken)];
    }
}
