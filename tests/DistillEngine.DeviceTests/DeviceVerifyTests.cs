using DistillEngine.Kernels;
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
        GoldenRunner.Run([Path.Combine(FindRoot(), "tests", "goldens")], null, backend, results.Add, TestContext.Current.CancellationToken);
        Assert.Contains(results, r => r.Pass == true);
        Assert.All(results, r => Assert.True(r.Pass is null or true, r.ToString()));
    }

    static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DistillEngine.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"{AppContext.BaseDirectory}: no folder above holds DistillEngine.sln.");
    }
}
