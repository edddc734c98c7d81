namespace DistillEngine.Kernels;

/// <summary>Loops that show what a device does at the most. Calls may queue their work, which <see cref="Core.IDevice.Synchronize"/> waits for.</summary>
public interface IDeviceRoofline : IDisposable
{
    /// <summary>Float32 operations of one <see cref="Compute"/>; a multiply-add counts two.</summary>
    long Operations { get; }

    /// <summary>Bytes that one <see cref="Read"/> reads, and that one <see cref="Copy"/> reads and also writes.</summary>
    long StreamBytes { get; }

    /// <summary>Multiplies and adds in registers, on all of the device.</summary>
    void Compute();

    /// <summary>Reads a buffer far larger than the caches.</summary>
    void Read();

    /// <summary>Copies it to another.</summary>
    void Copy();
}
