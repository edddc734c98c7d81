using System.Reflection;
using DistillEngine.Core;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DistillEngine.Kernels;

/// <summary>The accelerators of this machine, and opening one by its name.</summary>
public static class GpuDevices
{
    /// <summary>ILGPU's emulation on the processor: for tests at tiny shapes, some thousand times slower than the CPU kernels.</summary>
    public const string Emulator = "cpu-emulator";

    const string Cuda = "cuda", OpenCl = "OpenCL";

    /// <summary>Held while devices are looked for, opened and closed: OpenCL drivers set themselves up at the first look and down with the last
    /// context, and not all allow another thread in meanwhile (PoCL 3.1 reads devices that are half there).</summary>
    internal static readonly Lock Drivers = new();

    // Each lane is a thread of the operating system, so there are as few as still show a wrong barrier.
    const int EmulatedLanes = 4;

    /// <summary>Whether a name has the form of a device of this class, installed or not.</summary>
    public static bool IsName(string name) => name == Emulator || TryParse(name, out _, out _);

    /// <summary>Every accelerator that a driver reports, usable or not, and the emulator.</summary>
    public static IReadOnlyList<GpuDeviceInfo> List()
    {
        lock (Drivers) return Look();
    }

    static List<GpuDeviceInfo> Look()
    {
        var all = new List<GpuDeviceInfo>();
        using (Context context = CreateContext(Cuda))
            foreach (CudaDevice device in context.GetCudaDevices())
                all.Add(Describe($"cuda:{all.Count}", device));
        int openCl = 0;
        using (Context context = CreateContext(OpenCl))
            foreach (CLDevice device in context.GetCLDevices())
                all.Add(Describe($"opencl:{openCl++}", device));
        all.Add(new(Emulator, "ILGPU's emulator on the processor", 0, typeof(Context).Assembly.GetName().Version!.ToString(3), "for tests alone", null));
        return all;
    }

    /// <summary>Where each kind of device, <c>cuda</c> and <c>opencl</c>, is looked for, in words that say whether that is installed.</summary>
    public static IEnumerable<(string Kind, string Search)> Searches => [("cuda", Library(Cuda)), ("opencl", Library(OpenCl))];

    /// <summary>The name of the first usable CUDA device, or null. OpenCL devices are taken only by name.</summary>
    /// <param name="why">Where it is null: why, where a CUDA driver is installed.</param>
    public static string? Preferred(out string? why)
    {
        why = null;
        if (!NativeNames.IsInstalled(Cuda)) return null;
        GpuDeviceInfo[] devices = [.. List().Where(d => d.IsCuda)];
        if (Array.Find(devices, d => d.Unusable is null) is { } usable) return usable.Name;
        why = devices.Length > 0 ? Refusal(devices[0]) : $"Looked for a CUDA device with {Library(Cuda)}.";
        return null;
    }

    /// <summary>Who can multiply on a CUDA device beside the kernels that every device has, for a list of its capabilities.</summary>
    public static string Multipliers(GpuDeviceInfo device)
    {
        string cores = $"{(device.HasTensorCores ? "tensor" : "no tensor")} cores for bf16 and tf32";
        string cublas = Cublas.InstalledFile() is { } file ? $"takes {file}" : $"finds none of {string.Join(", ", Cublas.Files)}";
        return $"{cores}, {Cublas.Variable}=cublas {cublas}";
    }

    /// <summary>Opens a device.</summary>
    /// <param name="precision">Operands of products with many rows.</param>
    /// <param name="report">Takes lines for the user: about the file in which chosen kernels are kept.</param>
    /// <exception cref="InvalidOperationException">There is no such device, or it cannot compute or not in this precision; one line says what
    /// was looked for and found. Or <see cref="Cublas.Variable"/> or <see cref="TuningFile.Variable"/> asks for what cannot be.</exception>
    /// <exception cref="DeviceException">The driver fails.</exception>
    public static GpuBackend Open(string name, ComputePrecision precision = ComputePrecision.F32, Action<string>? report = null)
    {
        if (name == Emulator) return Create(name, OpenEmulated(isEmulator: true, hasShuffles: true), null, hasTensorCores: false, precision, report);
        if (!TryParse(name, out string? kind, out int number))
            throw new InvalidOperationException($"device '{name}': expected cuda:N, opencl:N or {Emulator}.");
        try
        {
            lock (Drivers) return OpenNumbered(name, kind, number, precision, report);
        }
        catch (Exception e) when (DriverErrors.Is(e) || DriverErrors.IsLackOfMemory(e))
        {
            throw DriverErrors.Of(name, "opening it", e);
        }
    }

    static GpuBackend OpenNumbered(string name, string kind, int number, ComputePrecision precision, Action<string>? report)
    {
        Context context = CreateContext(kind);
        Gpu gpu;
        GpuDeviceInfo info;
        bool hasTensorCores = false;
        try
        {
            if (kind == Cuda && number < context.GetCudaDevices().Count)
            {
                CudaDevice device = context.GetCudaDevice(number);
                ThrowIfUnusable(info = Describe(name, device));
                hasTensorCores = info.HasTensorCores;
                gpu = new Gpu(Called(info), context, device, hasGenericPointers: true, isEmulator: false, hasShuffles: true);
            }
            else if (kind == OpenCl && number < context.GetCLDevices().Count)
            {
                CLDevice device = context.GetCLDevice(number);
                ThrowIfUnusable(info = Describe(name, device));
                bool hasGenericPointers = device.Capabilities.GenericAddressSpace;
                if (!hasGenericPointers) PretendGenericPointers(device);
                gpu = new Gpu(Called(info), context, device, hasGenericPointers, isEmulator: false, hasShuffles: false);
            }
            else if (kind == Cuda && CudaStart.Failure() is { IsAbsence: false, Words: var words })
                throw DriverErrors.Of(name, "starting its driver", new InvalidOperationException(words));
            else
                throw new InvalidOperationException($"{name}: there is no such device. Looked for {Library(kind)}; found {Found()}.");
        }
        catch
        {
            context.Dispose();
            throw;
        }
        return Create(Called(info), gpu, $"{info.Description}; {info.Driver}; {info.Capabilities}", hasTensorCores, precision, report);
    }

    /// <param name="tunedAs">The device in the tuning file; null where nothing is tuned.</param>
    static GpuBackend Create(string name, Gpu gpu, string? tunedAs, bool hasTensorCores, ComputePrecision precision, Action<string>? report)
    {
        try
        {
            if (precision == ComputePrecision.Tf32 && !hasTensorCores)
            {
                throw new InvalidOperationException(
                    $"{name}: it does not multiply tf32, which CUDA devices of compute capability 8.0 and above do; take f32 or bf16.");
            }
            bool usesCublas = Cublas.IsChosen(name, Environment.GetEnvironmentVariable(Cublas.Variable));
            return new(name, gpu, new()
            {
                Precision = precision,
                HasTensorCores = hasTensorCores,
                Tuner = tunedAs is null ? null
                    : new Tuner(tunedAs, new TuningFile(TuningFile.StandardPath(name), report ?? (_ => { })), new DeviceStopwatch(gpu).Measure),
                Cublas = usesCublas ? new Cublas(gpu, name) : null,
            });
        }
        catch
        {
            gpu.Dispose();
            throw;
        }
    }

    /// <summary>An accelerator of <see cref="EmulatedLanes"/> threads a group, or one that only declares the kernels of real devices.</summary>
    /// <param name="warpSize">Lanes of a warp, at least 2.</param>
    /// <param name="warps">Warps of the largest group.</param>
    internal static Gpu OpenEmulated(bool isEmulator, bool hasShuffles, int warpSize = EmulatedLanes, int warps = 1)
    {
        var context = Context.Create(b => b.Optimize(OptimizationLevel.O2).CPU(new CPUDevice(warpSize, warps, 1)));
        return new Gpu(Emulator, context, context.Devices[0], hasGenericPointers: true, isEmulator, hasShuffles);
    }

    static bool TryParse(string name, out string kind, out int number)
    {
        kind = name.StartsWith("cuda:", StringComparison.Ordinal) ? Cuda : OpenCl;
        number = 0;
        return (kind == Cuda || name.StartsWith("opencl:", StringComparison.Ordinal))
            && int.TryParse(name.AsSpan(name.IndexOf(':') + 1), System.Globalization.NumberStyles.None, null, out number);
    }

    /// <summary>A context with the devices of one driver; with none where its library is absent.</summary>
    static Context CreateContext(string kind) => Context.Create(b =>
    {
        b.Optimize(OptimizationLevel.O2);
        if (!NativeNames.IsInstalled(kind)) return;
        if (kind == Cuda) b.Cuda(_ => true);
        else b.OpenCL(_ => true);
    });

    static GpuDeviceInfo Describe(string name, CudaDevice device) => new(name, device.Name, device.MemorySize, $"CUDA {device.DriverVersion}",
        $"{device.Architecture?.ToString() ?? "unknown architecture"}, {device.NumMultiprocessors} multiprocessors, "
            + $"{SharedMemory(device)}, PTX {device.InstructionSet?.ToString() ?? "unknown"}",
        device.InstructionSet is null ? "the driver is older than any that ILGPU generates code for; install a newer one" : null)
    {
        IsCuda = true,
        HasTensorCores = device.Architecture >= CudaArchitecture.SM_80,
    };

    static GpuDeviceInfo Describe(string name, CLDevice device)
    {
        CLCapabilityContext capabilities = device.Capabilities;
        string? unusable = device.CLStdVersion < CLCVersion.CL20 ? $"it has OpenCL C {device.CLStdVersion}; 2.0 is needed"
            : !capabilities.Float64 ? "it has no float64, which norms and losses are summed in"
            : !capabilities.GenericAddressSpace && (device.DeviceType & CLDeviceType.CL_DEVICE_TYPE_CPU) == 0 ? "it has no generic address space"
            : null;
        return new(name, device.Name, device.MemorySize, $"{device.PlatformName}, OpenCL {device.DeviceVersion}",
            $"{device.NumMultiprocessors} compute units, groups of up to {device.MaxNumThreadsPerGroup}, {SharedMemory(device)}, "
                + (capabilities.Float64 ? "float64" : "no float64"), unusable);
    }

    /// <summary>What backends and errors call a device.</summary>
    static string Called(GpuDeviceInfo device) => $"{device.Name} {device.Description}";

    static string SharedMemory(Device device) => $"{device.MaxSharedMemoryPerGroup >> 10} KiB shared memory a group";

    /// <summary>ILGPU refuses devices without the generic address space; where all address spaces are one, corrected source needs none.</summary>
    static void PretendGenericPointers(CLDevice device) =>
        typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!
            .GetSetMethod(nonPublic: true)!.Invoke(device.Capabilities, BindingFlags.DoNotWrapExceptions, null, [true], null);

    static void ThrowIfUnusable(GpuDeviceInfo device)
    {
        if (device.Unusable is not null) throw new InvalidOperationException(Refusal(device));
    }

    static string Refusal(GpuDeviceInfo device) => $"{device.Name} ({device.Description}): {device.Unusable}.";

    static string Library(string kind)
    {
        string state = !NativeNames.IsInstalled(kind) ? "not installed"
            : kind == Cuda && CudaStart.Failure() is { } failure ? $"installed; {failure.Words}"
            : "installed";
        return $"the driver's {string.Join(" or ", NativeNames.FilesOf(kind))} ({state})";
    }

    static string Found() => string.Join(", ", List().Select(d => d.MemoryBytes == 0 ? d.Name : $"{d.Name} ({d.Description})"));
}
