using DistillEngine.Tests.Cli;
using DistillEngine.Tests.Gpu;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>Where there is no device, this assembly's tests run on a program that executes the PTX which a card would get, through ILGPU's own calls of
/// a driver. What only measures speed is left to cards.</summary>
public class StandInDeviceTests
{
    /// <summary>Compute capability, whether products are fused with sums, the tests, and how many run.</summary>
    public static TheoryData<int, bool, string, int> Runs => new()
    {
        { 70, false, $"{nameof(DeviceOpTests)}.*", DeviceOpTests.Cases.Count },
        { 80, true, $"{nameof(DeviceOpTests)}.*", DeviceOpTests.Cases.Count },
        { 80, true, $"{nameof(DeviceProductTests)}.{nameof(DeviceProductTests.MatMul_ByEveryTile_AgreesWithTheOracle)}", 3 },
        { 80, true, $"{nameof(DeviceTrainingTests)}.{nameof(DeviceTrainingTests.FiftySteps_InBf16_LearnAsInFloat32)}", 1 },
    };

    [Theory, MemberData(nameof(Runs))]
    public void Tests_OnTheStandIn_Pass(int capability, bool fuses, string tests, int count)
    {
        if (DeviceUnderTest.IsNamed) Assert.Skip("The device that is named runs them.");
        using var driver = new StandInDriver();
        using var process = new DistillProcess(typeof(StandInDeviceTests).Assembly.Location,
            ["-noColor", "-method", $"{typeof(StandInDeviceTests).Namespace}.{tests}"],
            [.. driver.Variables, .. StandInDriver.Executing(capability, fuses), (DeviceUnderTest.Variable, "cuda:0")]);
        int code = process.WaitForExit();
        Assert.True(code == 0 && process.Output.Contains($"Total: {count}, Errors: 0, Failed: 0, Skipped: 0", StringComparison.Ordinal),
            $"{process.Output}{process.Error}");
    }
}
