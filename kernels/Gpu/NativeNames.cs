using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DistillEngine.Kernels;

/// <summary>
/// Finds the drivers' libraries under the names that Linux systems without development packages have: ILGPU asks for <c>cuda</c> and
/// <c>OpenCL</c>, and the loader tries <c>libcuda.so</c> alone, not <c>libcuda.so.1</c>.
/// </summary>
static class NativeNames
{
    /// <summary>What is looked for, by ILGPU's name.</summary>
    public static string[] FilesOf(string name) => name switch
    {
        "cuda" => OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"],
        "OpenCL" => OperatingSystem.IsWindows() ? ["OpenCL.dll"] : ["libOpenCL.so.1", "libOpenCL.so"],
        _ => [name],
    };

    /// <summary>Whether a driver's library is installed.</summary>
    public static bool IsInstalled(string name) => TryLoad(name, typeof(ILGPU.Context).Assembly, null, out _);

    /// <summary>A driver's library, which the caller frees.</summary>
    /// <exception cref="DllNotFoundException">It is not installed.</exception>
    public static nint Load(string name) => TryLoad(name, typeof(ILGPU.Context).Assembly, null, out nint handle) ? handle
        : throw new DllNotFoundException($"{string.Join(" or ", FilesOf(name))} is not installed.");

#pragma warning disable CA2255 // The names must resolve before ILGPU's first use of a driver, wherever that is.
    [ModuleInitializer]
    internal static void Install()
    {
        // On WSL ILGPU installs a resolver of its own, and a second one is an error.
        if (OperatingSystem.IsWindows() || Directory.Exists("/usr/lib/wsl/lib")) return;
        NativeLibrary.SetDllImportResolver(typeof(ILGPU.Context).Assembly, Resolve);
    }
#pragma warning restore CA2255

    static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => TryLoad(name, assembly, path, out nint handle) ? handle : 0;

    static bool TryLoad(string name, Assembly assembly, DllImportSearchPath? path, out nint handle)
    {
        foreach (string file in FilesOf(name))
            if (NativeLibrary.TryLoad(file, assembly, path, out handle)) return true;
        handle = 0;
        return false;
    }
}
