using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>The device that DISTILL_DEVICE names.</summary>
static class DeviceUnderTest
{
    const string Variable = "DISTILL_DEVICE";

    /// <summary>Opens it; skips the test, with the reason, where none is named or it is absent.</summary>
    public static GpuBackend Open()
    {
        string? name = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(name)) Assert.Skip($"{Variable} names no device, such as cuda:0.");
        try
        {
            return GpuDevices.Open(name!);
        }
        catch (InvalidOperationException e)
        {
            Assert.Skip($"{Variable}: {e.Message}");
            throw;
        }
    }
}
