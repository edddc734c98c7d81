using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The device that the suites run on: the processor, or what DISTILL_DEVICE names.</summary>
static class BenchDevice
{
    public const string Variable = "DISTILL_DEVICE";

    /// <summary>Null for the processor.</summary>
    public static string? Name { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } name && name != "cpu" ? name : null;

    /// <summary>Why the device that is named is absent or cannot compute, in one line; null where it can, and for the processor.</summary>
    public static string? WhyUnusable()
    {
        try
        {
            if (Name is not null) Open(threads: 1, ComputePrecision.F32).Dispose();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or DeviceException)
        {
            return e.Message;
        }
    }

    /// <summary>The vendor's name of the device, without its number on this machine: NVIDIA H100 80GB HBM3; null for the processor.</summary>
    public static string? VendorsName()
    {
        if (Name is null) return null;
        using IBackend backend = Open(threads: 1, ComputePrecision.F32);
        return backend.Name[(backend.Name.IndexOf(' ') + 1)..];
    }

    /// <exception cref="InvalidOperationException">The device is absent or cannot compute, or not with such operands.</exception>
    /// <exception cref="DeviceException">It fails.</exception>
    public static IBackend Open(int threads, ComputePrecision operands) =>
        Name is null ? CpuBackend.Open(threads, operands) : GpuDevices.Open(Name, operands, Console.Error.WriteLine);
}
