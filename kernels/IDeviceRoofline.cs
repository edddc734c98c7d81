namespace DistillEngine.Kernels;

/// <summary>Loops that show what a device does at the most. Calls may queue their work, which <see cref="Core.IDevice.Synchronize"/> waits for.</summary>
public interface IDeviceRoofline : IDisposable
{
    /// <summary>Operations of one <see cref="Compute"/>; a multiply-add counts two. Null where the device has no arithmetic of its own for such
    /// operands.</summary>
    long? Operations(ComputePrecision operands);

    /// <summary>Bytes that one <see cref="Read"/> reads, and that one <see cref="Copy"/> reads and also writes.</summary>
    long StreamBytes { get; }

    /// <summary>Multiplies such operands and adds in float32, in registers, on all of the device.</summary>
    /// <exception cref="InvalidOperationException">The device has no arithmetic of its own for such operands.</exception>
    void Compute(ComputePrecision operands);

    /// <summary>Reads a buffer far larger than the caches.</summary>
    void Read();

    /// <summary>Copies it to another.</summary>
    void Copy();
}
