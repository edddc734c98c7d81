using System.Runtime.InteropServices;
using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DistillEngine.Kernels;

/// <summary>
/// NVIDIA's library of matrix products, on the stream of one device: a choice in place of the own kernels, and what they are measured by.
/// Bound here rather than by ILGPU.Algorithms, whose wrapper has float32 products alone and does not know the library of CUDA 13.
/// </summary>
sealed unsafe class Cublas : IDisposable
{
    /// <summary>Chooses who multiplies on a device.</summary>
    public const string Variable = "DISTILL_GEMM";

    // cudaDataType_t and cublasComputeType_t of library_types.h and cublas_api.h.
    const int Float32 = 0, BFloat16 = 14;
    const int ComputeFloat32 = 68, ComputeFast16BF = 75, ComputeFastTf32 = 77;
    const int DefaultAlgorithm = -1;

    readonly Gpu _gpu;
    readonly nint _library, _handle;
    readonly delegate* unmanaged<nint, int> _destroy;
    readonly delegate* unmanaged<nint, int, int, int, int, int, float*, nint, int, int, nint, int, int, float*, nint, int, int, int, int, int> _gemm;

    /// <exception cref="InvalidOperationException">The device is not CUDA's, or the library is absent.</exception>
    /// <exception cref="DeviceException">The library refuses.</exception>
    /// <param name="device">What errors call it.</param>
    public Cublas(Gpu gpu, string device)
    {
        if (gpu.Stream is not CudaStream stream)
        {
            throw new InvalidOperationException(
                $"{device}: {Variable} is cublas, which multiplies on CUDA devices alone; leave {Variable} out or set it to own.");
        }
        _gpu = gpu;
        _library = Load(device);
        _destroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(_library, "cublasDestroy_v2");
        _gemm = (delegate* unmanaged<nint, int, int, int, int, int, float*, nint, int, int, nint, int, int, float*, nint, int, int, int, int, int>)
            NativeLibrary.GetExport(_library, "cublasGemmEx");
        var create = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(_library, "cublasCreate_v2");
        var setStream = (delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(_library, "cublasSetStream_v2");
        gpu.Driver.Bind();
        nint handle;
        Check(create(&handle), "cublasCreate");
        _handle = handle;
        Check(setStream(handle, stream.StreamPtr), "cublasSetStream");
    }

    /// <summary>What is looked for: the libraries since CUDA 11, whose cublasGemmEx names the type that it computes in.</summary>
    public static string[] Files => OperatingSystem.IsWindows()
        ? ["cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"]
        : ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11"];

    /// <summary>Whether the own kernels are to multiply, or cuBLAS.</summary>
    /// <param name="device">What errors call the device.</param>
    /// <param name="value">Of <see cref="Variable"/>.</param>
    /// <exception cref="InvalidOperationException">It is neither <c>own</c> nor <c>cublas</c>.</exception>
    public static bool IsChosen(string device, string? value) => value switch
    {
        null or "" or "own" => false,
        "cublas" => true,
        _ => throw new InvalidOperationException($"{device}: {Variable} is '{value}', expected own or cublas."),
    };

    /// <summary>The library's handle.</summary>
    /// <param name="device">What errors call the device.</param>
    /// <exception cref="InvalidOperationException">It is not installed.</exception>
    public static nint Load(string device)
    {
        if (TryLoad(out nint library) is not null) return library;
        throw new InvalidOperationException($"{device}: {Variable} is cublas, but cuBLAS was not found; looked for {string.Join(", ", Files)} "
            + $"where the system keeps libraries and in {(OperatingSystem.IsWindows() ? "PATH" : "LD_LIBRARY_PATH")}. "
            + $"Install the CUDA toolkit, or leave {Variable} out.");
    }

    /// <summary>Why the library cannot multiply on a device, in a few words; null where it can.</summary>
    public static string? WhyMissing(Gpu gpu)
    {
        if (gpu.Stream is not CudaStream) return "not a CUDA device";
        return InstalledFile() is null ? $"{Files[0]} not found" : null;
    }

    /// <summary>The library that is found, or null.</summary>
    public static string? InstalledFile()
    {
        if (TryLoad(out nint library) is not { } file) return null;
        NativeLibrary.Free(library);
        return file;
    }

    static string? TryLoad(out nint library)
    {
        foreach (string file in Files)
            if (NativeLibrary.TryLoad(file, out library)) return file;
        library = 0;
        return null;
    }

    /// <summary>c = or += a bᵀ of float32 tensors, multiplied in a precision.</summary>
    public void Multiply(in CublasCall call, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, ComputePrecision precision) =>
        Multiply(call, a.LoadEffectiveAddressAsPtr(), b.LoadEffectiveAddressAsPtr(), Float32, c.LoadEffectiveAddressAsPtr(), precision switch
        {
            ComputePrecision.Bf16 => ComputeFast16BF,
            ComputePrecision.Tf32 => ComputeFastTf32,
            _ => ComputeFloat32,
        });

    /// <summary>c = or += a bᵀ, a float32 result of bfloat16 factors.</summary>
    public void Multiply(in CublasCall call, ArrayView<ushort> a, ArrayView<ushort> b, ArrayView<float> c) =>
        Multiply(call, a.LoadEffectiveAddressAsPtr(), b.LoadEffectiveAddressAsPtr(), BFloat16, c.LoadEffectiveAddressAsPtr(), ComputeFloat32);

    void Multiply(in CublasCall call, nint a, nint b, int type, nint c, int computeType)
    {
        float one = 1, old = call.Adds ? 1 : 0;
        _gpu.Driver.Bind();
        Check(_gemm(_handle, call.FirstIsTransposed ? 1 : 0, call.SecondIsTransposed ? 1 : 0, call.M, call.N, call.K, &one, b, type, call.FirstStride,
            a, type, call.SecondStride, &old, c, Float32, call.ResultStride, computeType, DefaultAlgorithm), "cublasGemmEx");
    }

    public void Dispose()
    {
        _gpu.Driver.Release(_gpu.Driver.Bind);
        _destroy(_handle);
        NativeLibrary.Free(_library);
    }

    void Check(int status, string function)
    {
        if (status != 0) throw _gpu.Driver.Failure($"{function} of cuBLAS", new CublasException(status));
    }
}
