using System.Runtime.InteropServices;

namespace DistillEngine.Kernels;

/// <summary>Why a CUDA driver that is installed has no devices. ILGPU lists none then, whatever the reason.</summary>
/// <param name="Words">The function that was asked and the driver's answer, in its own words.</param>
/// <param name="IsAbsence">Whether the driver works, and there is nothing that it drives.</param>
sealed record CudaStart(string Words, bool IsAbsence)
{
    // CUDA_ERROR_NO_DEVICE of cuda.h.
    const int NoDevice = 100;

    /// <summary>Asks the driver itself; null where it is not installed, or has devices.</summary>
    public static unsafe CudaStart? Failure()
    {
        if (!NativeNames.IsInstalled("cuda")) return null;
        nint driver = NativeNames.Load("cuda");
        try
        {
            int status = ((delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit"))(0);
            if (status != 0) return Of(driver, "cuInit", status);
            int count;
            status = ((delegate* unmanaged<int*, int>)NativeLibrary.GetExport(driver, "cuDeviceGetCount"))(&count);
            if (status != 0) return Of(driver, "cuDeviceGetCount", status);
            return count == 0 ? new("cuDeviceGetCount: 0", IsAbsence: true) : null;
        }
        catch (EntryPointNotFoundException e)
        {
            return new(DriverErrors.Line(e.Message), IsAbsence: false);
        }
        finally
        {
            NativeLibrary.Free(driver);
        }
    }

    static CudaStart Of(nint driver, string function, int status)
    {
        string words = Text(driver, "cuGetErrorString", status) ?? "an error that it has no words for";
        string name = Text(driver, "cuGetErrorName", status) is { } known ? $"{known}, " : "";
        return new($"{function}: {words} ({name}{status})", status == NoDevice);
    }

    /// <summary>What the driver says of one of its errors; null where it does not know it.</summary>
    static unsafe string? Text(nint driver, string function, int status)
    {
        nint text = 0;
        if (!NativeLibrary.TryGetExport(driver, function, out nint export)) return null;
        ((delegate* unmanaged<int, nint*, int>)export)(status, &text);
        return Marshal.PtrToStringUTF8(text) is { } found ? DriverErrors.Line(found) : null;
    }
}
