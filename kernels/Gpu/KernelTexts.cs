using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DistillEngine.Kernels;

/// <summary>The code that drivers would get, generated without any: what a release is checked with where there is no device.</summary>
public static class KernelTexts
{
    /// <summary>Every kernel of real devices as PTX, with the shared memory that its launches ask for beside what the text declares; those of tensor
    /// cores where the capability has the instructions.</summary>
    /// <param name="major">Compute capability, such as 9 and 0.</param>
    public static IReadOnlyList<(string Name, string Text, int DynamicSharedBytes)> Ptx(int major, int minor) =>
        Compile(hasShuffles: true, hasTensorCores: major >= 8, context =>
    {
        var architecture = new CudaArchitecture(major, minor);
        // PTX 7.8 is the oldest that knows sm_90; assemblers since CUDA 11.8 take it.
        return new PTXBackend(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_78, null);
    });

    /// <summary>Every kernel of real devices as OpenCL C 2.0.</summary>
    public static IReadOnlyList<(string Name, string Text, int DynamicSharedBytes)> OpenCl() => Compile(hasShuffles: false, hasTensorCores: false, context =>
        new CLBackend(context, new CLCapabilityContext(genericAddressSpace: true, float16: false, float64: true, int64_Atomics: false, subGroups: false),
            CLDeviceVendor.Other, CLCVersion.CL20));

    static List<(string Name, string Text, int DynamicSharedBytes)> Compile(bool hasShuffles, bool hasTensorCores, Func<Context, Backend> create)
    {
        using Context context = Context.Create(b => b.Optimize(OptimizationLevel.O2));
        using Backend compiler = create(context);
        var texts = new List<(string Name, string Text, int DynamicSharedBytes)>();
        foreach (ComputePrecision precision in Enum.GetValues<ComputePrecision>())
        {
            if (precision == ComputePrecision.Tf32 && !hasTensorCores) continue;
            using var backend = new GpuBackend("declared", GpuDevices.OpenEmulated(isEmulator: false, hasShuffles),
                new() { Precision = precision, HasTensorCores = hasTensorCores });
            foreach (DeviceKernel kernel in backend.DeviceKernels)
            {
                // Ops other than products have the same kernels in every precision.
                string name = $"{kernel.Name} of {kernel.GroupSize}";
                if (texts.Any(text => text.Name == name)) continue;
                CompiledKernel compiled = compiler.Compile(kernel.EntryPoint, new KernelSpecialization(kernel.GroupSize, null));
                KernelSource.Correct(compiled, hasGenericPointers: true, (compiler as PTXBackend)?.Architecture);
                texts.Add((name, KernelSource.TextOf(compiled), kernel.DynamicSharedBytes));
            }
        }
        return texts;
    }
}
