using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>A device with all its ops.</summary>
public interface IBackend : IDevice
{
    KernelSet Kernels { get; }

    /// <summary>Loops that measure the limits of a device beside the processor; null for the processor, whose limits are those of its threads.</summary>
    /// <exception cref="InsufficientMemoryException">The buffers of the bandwidth measurement do not fit.</exception>
    IDeviceRoofline? OpenRoofline() => null;

    /// <summary>Operands of the products: one of the things that decide the bits of a result.</summary>
    ComputePrecision Precision => ComputePrecision.F32;

    /// <summary>Whether products only round their operands to <see cref="Precision"/> and multiply them as float32, for want of instructions that are
    /// faster.</summary>
    bool EmulatesPrecision => false;
}
