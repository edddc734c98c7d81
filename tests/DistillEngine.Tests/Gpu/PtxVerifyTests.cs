using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The command that tells a user whether a card computes rightly, on the device that executes what a card would get.</summary>
public class PtxVerifyTests
{
    // Larger cases take minutes here.
    [Theory]
    [InlineData(80, "models/shortest")]
    [InlineData(90, "models/buckets")]
    [InlineData(70, "optimizers")]
    public void Verify_OnTheStandIn_PassesEveryCheck(int capability, string name)
    {
        using var driver = new StandInDriver();
        using var golden = new GoldenCopy(GoldenCopy.Repository, name);
        var (code, errors) = driver.Run("", ["verify", "--golden", golden.PathOf(""), "--device", "cuda:0"], StandInDriver.Executing(capability));
        Assert.True(code == 0, string.Join('\n', errors));
    }
}
