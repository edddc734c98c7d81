namespace DistillEngine.Core;

/// <summary>A device or its driver failed. The message, one line for a user, says at what, on which device, the driver's reason and what to do.</summary>
public sealed class DeviceException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether memory lacks, at something else than <see cref="IDevice.Allocate"/>: with more of it the same call succeeds.</summary>
    public bool IsLackOfMemory { get; init; }
}
