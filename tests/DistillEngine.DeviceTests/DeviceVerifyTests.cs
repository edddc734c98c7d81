using DistillEngine.Kernels;
using DistillEngine.Tests.Verification;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>The device agrees with everything that is recorded in the repository.</summary>
public class DeviceVerifyTests
{
    [Fact]
    public void Verify_OnTheDevice_PassesEveryCheck()
    {
        using GpuBackend backend = DeviceUnderTest.Open();
        var results = new List<CheckResult>();
        GoldenRunner.Run([GoldenCopy.Repository], null, backend, results.Add, TestContext.Current.CancellationToken);
        Assert.Contains(results, r => r.Pass == true);
        Assert.All(results, r => Assert.True(r.Pass is null or true, r.ToString()));
    }
}
