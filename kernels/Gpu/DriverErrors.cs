using DistillEngine.Core;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DistillEngine.Kernels;

/// <summary>What drivers, and ILGPU of them, throw, as a user reads it.</summary>
static class DriverErrors
{
    /// <summary>What helps where memory lacks.</summary>
    public const string MemoryHint = "Take a smaller batch, end what else computes there, or take another --device, such as cpu.";

    const string Hint = "Take another --device, such as cpu; 'distill doctor' lists them.";

    /// <summary>Whether an error is the device's: its driver refuses, lacks a function, or the device cannot do what a kernel asks for.</summary>
    public static bool Is(Exception e) => e is AcceleratorException or CapabilityNotSupportedException or InvalidCodeGenerationException
        or InternalCompilerException or NotSupportedException or DllNotFoundException or EntryPointNotFoundException;

    /// <summary>Whether memory lacks, and nothing else is wrong.</summary>
    // OpenCL's drivers say so in several ways, the last where a buffer is larger than they give at once.
    public static bool IsLackOfMemory(Exception e) => e switch
    {
        OutOfMemoryException => true,
        CudaException { Error: nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) } => true,
        CLException cl => cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES or CLError.CL_OUT_OF_HOST_MEMORY
            or CLError.CL_INVALID_BUFFER_SIZE,
        CublasException cublas => cublas.IsLackOfMemory,
        _ => false,
    };

    /// <param name="device">Its name.</param>
    /// <param name="what">What failed, such as <c>waiting for its work</c>.</param>
    public static DeviceException Of(string device, string what, Exception e)
    {
        bool isLackOfMemory = IsLackOfMemory(e);
        return new($"{device}: {what} failed: {ReasonOf(e)}. {(isLackOfMemory ? MemoryHint : Hint)}", e) { IsLackOfMemory = isLackOfMemory };
    }

    /// <summary>In the words of the driver.</summary>
    public static string ReasonOf(Exception e) => e switch
    {
        CudaException cuda => $"{Line(cuda.Message)} ({cuda.Error})",
        CLException cl => $"{cl.Error}",
        _ => Line(e.Message),
    };

    /// <summary>A message in one line, without its full stop.</summary>
    public static string Line(string text) => text.ReplaceLineEndings(" ").TrimEnd(' ', '.');
}
