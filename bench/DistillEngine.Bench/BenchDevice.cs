using DistillEngine.Kernels;

namespace DistillEngine.Bench;

/// <summary>The device that the suites run on: the processor, or what DISTILL_DEVICE names.</summary>
static class BenchDevice
{
    const string Variable = "DISTILL_DEVICE";

    /// <summary>Null for the processor.</summary>
    public static string? Name { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } name && name != "cpu" ? name : null;

    /// <exception cref="InvalidOperationException">The device is absent or cannot compute.</exception>
    public static IBackend Open(int threads, ComputePrecision operands) => Name is null ? CpuBackend.Open(threads, operands) : GpuDevices.Open(Name, operands);
}
