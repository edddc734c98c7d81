using DistillEngine.Kernels;
using DistillEngine.Tests.Gpu;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>The op cases on the device.</summary>
public class DeviceOpTests
{
    public static TheoryData<string> Cases => [.. DeviceOpCases.All.Keys];

    [Theory, MemberData(nameof(Cases))]
    public void Op_OnTheDevice_AgreesWithItsOracle(string name)
    {
        using GpuBackend backend = DeviceUnderTest.Open();
        DeviceOpCases.All[name](new Mirror(backend).Kernels);
    }
}
