namespace DistillEngine.Kernels;

/// <summary>A device as <c>distill doctor</c> shows it.</summary>
/// <param name="Name">What <c>--device</c> takes: <c>cuda:0</c>, <c>opencl:0</c>, <c>cpu-emulator</c>.</param>
/// <param name="Description">The vendor's name of it.</param>
/// <param name="MemoryBytes">Of the device; 0 where it is the host's.</param>
/// <param name="Driver">Version of driver or platform.</param>
/// <param name="Capabilities">Architecture, multiprocessors and the like.</param>
/// <param name="Unusable">Why it cannot compute; null where it can.</param>
public sealed record GpuDeviceInfo(string Name, string Description, long MemoryBytes, string Driver, string Capabilities, string? Unusable)
{
    /// <summary>Whether CUDA drives it.</summary>
    public bool IsCuda { get; init; }

    /// <summary>Whether tensor cores multiply bf16 and tf32.</summary>
    public bool HasTensorCores { get; init; }
}
