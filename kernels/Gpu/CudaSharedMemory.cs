using System.Runtime.InteropServices;
using ILGPU.Runtime.Cuda;

namespace DistillEngine.Kernels;

/// <summary>More than 48 KiB of shared memory a group, which CUDA gives to kernels that ask for it and ILGPU has no call for.</summary>
static unsafe class CudaSharedMemory
{
    // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN and CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES of cuda.h.
    const int MostOfGroup = 97, MostDynamic = 8;

    /// <summary>Most bytes that a group of a device may ask for.</summary>
    public static int MostBytes(CudaAccelerator accelerator) =>
        CudaAPI.CurrentAPI.GetDeviceAttribute((DeviceAttributeKind)MostOfGroup, ((CudaDevice)accelerator.Device).DeviceId);

    /// <summary>Lets a loaded kernel use so many bytes of dynamic shared memory.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public static void Allow(CudaKernel kernel, int bytes)
    {
        nint driver = NativeNames.Load("cuda");
        try
        {
            var set = (delegate* unmanaged<nint, int, int, int>)NativeLibrary.GetExport(driver, "cuFuncSetAttribute");
            CudaException.ThrowIfFailed((CudaError)set(kernel.FunctionPtr, MostDynamic, bytes));
        }
        finally
        {
            NativeLibrary.Free(driver);
        }
    }
}
