using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>A device with all its ops.</summary>
public interface IBackend : IDevice
{
    KernelSet Kernels { get; }
}
