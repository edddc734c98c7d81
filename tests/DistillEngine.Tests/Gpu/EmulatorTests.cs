using DistillEngine.Kernels;
using DistillEngine.Tests.Verification;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The device kernels on ILGPU's emulator, at shapes that take seconds.</summary>
public class EmulatorTests
{
    public static TheoryData<string> Cases => [.. DeviceOpCases.All.Keys];

    [Theory, MemberData(nameof(Cases))]
    public void Op_OnTheEmulator_AgreesWithItsOracle(string name)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        DeviceOpCases.All[name](new Mirror(backend).Kernels);
    }

    [Theory]
    [InlineData("models/shortest")]
    [InlineData("models/buckets")]
    public void Verify_OnTheEmulator_PassesEveryCheck(string name) => PassesEveryCheck(GoldenCopy.Repository, name);

    [Fact]
    public void Verify_OfMt5OnTheEmulator_PassesEveryCheck() => PassesEveryCheck(GoldenCopy.Shared, "models/mt5");

    static void PassesEveryCheck(string folder, string name)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using var copy = new GoldenCopy(folder, name);
        var results = new List<CheckResult>();
        GoldenRunner.Run([copy.PathOf("")], null, backend, results.Add, TestContext.Current.CancellationToken);
        Assert.NotEmpty(results);
        Assert.All(results, r => Assert.True(r.Pass is null or true, r.ToString()));
    }
}
