#if GPU
using System.Runtime.CompilerServices;
#endif
using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary>The devices beside the processor, where this program has them: a build without the GPU assembly, one whose files were removed, or one
/// that runs compiled ahead of time, computes on the CPU alone.</summary>
static class Accelerators
{
    /// <summary>Name and description of each device, and of each driver without one.</summary>
    public static IEnumerable<(string Name, string Description)> Describe()
    {
        if (Obstacle() is { } obstacle) return [("others", $"none: {obstacle}")];
#if GPU
        return DescribeAll();
#else
        return [];
#endif
    }

    /// <summary>The device that <c>auto</c> takes before the processor, or null.</summary>
    /// <param name="why">Where it is null: why, where a driver is installed that could have one.</param>
    public static string? Preferred(out string? why)
    {
        why = null;
#if GPU
        if (Obstacle() is null) return GpuPreferred(out why);
#endif
        return null;
    }

    /// <exception cref="UsageException">The device is unknown, absent, not part of this program, or does not compute in this precision.</exception>
    /// <exception cref="DeviceException">Its driver fails.</exception>
    public static IBackend Open(string device, ComputePrecision precision, Action<string>? report)
    {
        if (Obstacle() is { } obstacle) throw new UsageException($"--device {device}: {obstacle}; it computes on the CPU alone. Expected auto or cpu.");
#if GPU
        return OpenGpu(device, precision, report);
#else
        throw new UsageException($"--device {device}: expected auto or cpu.");
#endif
    }

    /// <summary>Why this program has no devices, or null.</summary>
    static string? Obstacle()
    {
#if GPU
        if (!RuntimeFeature.IsDynamicCodeSupported) return "this program is compiled ahead of time, without devices";
        try
        {
            Load();
            return null;
        }
        catch (Exception e) when (MissingFile(e) is not null)
        {
            return $"this program lacks its file {MissingFile(e)}.dll";
        }
#else
        return "this program is built without devices";
#endif
    }

#if GPU
    // What names the GPU assembly, if only as a type, stands in methods of its own: a method is compiled only where everything that it names is
    // there. So they return the interface, not the class.
#pragma warning disable CA1859

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Load() => GpuDevices.IsName("");

    [MethodImpl(MethodImplOptions.NoInlining)]
    static string? GpuPreferred(out string? why) => GpuDevices.Preferred(out why);

    /// <summary>The assembly that could not be found, directly or by an initializer.</summary>
    static string? MissingFile(Exception? e) =>
        e is null ? null : e is FileNotFoundException { FileName: { } name } ? name.Split(',')[0] : MissingFile(e.InnerException);

    [MethodImpl(MethodImplOptions.NoInlining)]
    static IBackend OpenGpu(string device, ComputePrecision precision, Action<string>? report)
    {
        if (!GpuDevices.IsName(device))
            throw new UsageException($"--device {device}: expected auto, cpu, cuda:N, opencl:N or cpu-emulator. 'distill doctor' lists the devices.");
        try
        {
            return GpuDevices.Open(device, precision, report);
        }
        catch (InvalidOperationException e)
        {
            throw new UsageException($"--device {e.Message}");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static IEnumerable<(string Name, string Description)> DescribeAll()
    {
        IReadOnlyList<GpuDeviceInfo> devices = GpuDevices.List();
        foreach (var (kind, search) in GpuDevices.Searches)
            if (!devices.Any(d => d.Name.StartsWith(kind, StringComparison.Ordinal))) yield return ($"{kind}:N", $"none; looked for {search}");
        foreach (GpuDeviceInfo device in devices)
        {
            string memory = device.MemoryBytes == 0 ? "" : $", {device.MemoryBytes >> 20:N0} MiB";
            string verdict = device.Unusable is { } reason ? $"; not usable: {reason}" : "; usable";
            string multipliers = device.IsCuda ? $", {GpuDevices.Multipliers(device)}" : "";
            yield return (device.Name, $"{device.Description}{memory}, {device.Driver}, {device.Capabilities}{multipliers}{verdict}");
        }
    }
#pragma warning restore CA1859
#endif
}
