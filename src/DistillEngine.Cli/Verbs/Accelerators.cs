using DistillEngine.Kernels;

namespace DistillEngine.Cli.Verbs;

/// <summary>The devices beside the processor, where this program has them: a build without the GPU assembly, or one that runs compiled ahead of
/// time, computes on the CPU alone.</summary>
static class Accelerators
{
    /// <summary>Name and description of each device.</summary>
    public static IEnumerable<(string Name, string Description)> Describe()
    {
#if GPU
        if (System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported) return DescribeAll();
#endif
        return [];
    }

    /// <summary>The device that <c>auto</c> takes before the processor, or null.</summary>
    public static string? Preferred()
    {
#if GPU
        if (System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported) return GpuDevices.Preferred();
#endif
        return null;
    }

    /// <exception cref="UsageException">The device is unknown, absent, not part of this program, or does not compute in this precision.</exception>
    public static IBackend Open(string device, ComputePrecision precision, Action<string>? report)
    {
#if GPU
        if (System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported)
        {
            if (!GpuDevices.IsName(device)) throw new UsageException($"--device {device}: expected auto, cpu, cuda:N, opencl:N or cpu-emulator. 'distill doctor' lists the devices.");
            try
            {
                return GpuDevices.Open(device, precision, report);
            }
            catch (InvalidOperationException e)
            {
                throw new UsageException($"--device {e.Message}");
            }
        }
#endif
        throw new UsageException($"--device {device}: this program is built without devices and computes on the CPU alone; expected auto or cpu.");
    }

#if GPU
    static IEnumerable<(string Name, string Description)> DescribeAll()
    {
        foreach (GpuDeviceInfo device in GpuDevices.List())
        {
            string memory = device.MemoryBytes == 0 ? "" : $", {device.MemoryBytes >> 20:N0} MiB";
            string verdict = device.Unusable is { } reason ? $"; not usable: {reason}" : "";
            yield return (device.Name, $"{device.Description}{memory}, {device.Driver}, {device.Capabilities}{verdict}");
        }
    }
#endif
}
