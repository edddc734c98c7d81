using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>The device that DISTILL_DEVICE names.</summary>
static class DeviceUnderTest
{
    public const string Variable = "DISTILL_DEVICE";

    public static bool IsNamed => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable));

    /// <summary>Its name, once <see cref="Open"/> opened it.</summary>
    public static string Name => Environment.GetEnvironmentVariable(Variable)!;

    /// <summary>Opens it; skips the test, with the reason, where none is named, it is absent or does not multiply in this precision.</summary>
    public static GpuBackend Open(ComputePrecision precision = ComputePrecision.F32)
    {
        string? name = Environment.GetEnvironmentVariable(Variable);
        if (string.IsNullOrEmpty(name)) Assert.Skip($"{Variable} names no device, such as cuda:0.");
        try
        {
            return GpuDevices.Open(name!, precision);
        }
        catch (InvalidOperationException e)
        {
            Assert.Skip($"{Variable}: {e.Message}");
            throw;
        }
    }
}
