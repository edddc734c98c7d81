using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>A device with all its ops.</summary>
public interface IBackend : IDevice
{
    KernelSet Kernels { get; }

    /// <summary>Operands of the products: one of the things that decide the bits of a result.</summary>
    ComputePrecision Precision => ComputePrecision.F32;
}
