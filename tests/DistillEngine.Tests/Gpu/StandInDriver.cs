using System.Diagnostics;
using DistillEngine.Tests.Cli;
using DistillEngine.Tests.Formats;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>A driver of CUDA, and cuBLAS, that have a device, compute nothing and fail as they are told: the memory is the host's, launches do nothing.</summary>
sealed class StandInDriver : IDisposable
{
    // Attributes 75 and 76 are the compute capability, 97 the shared memory that a group may ask for; others are sizes that any device has.
    const string Code = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static int fails(const char *name) {
            const char *all = getenv("STAND_IN_FAILS"), *at = all ? strstr(all, name) : 0;
            return at && at[strlen(name)] == '=' ? atoi(at + strlen(name) + 1) : 0;
        }
        #define OR_DO(body) { int status = fails(__func__); if (status) return status; body; return 0; }
        #define DOES_NOTHING(name) int name(void) OR_DO()
        int cuGetErrorString(int status, const char **text) { *text = status == 2 ? "out of memory" : status == 700 ? "an illegal memory access was encountered" : "the driver\nrefuses."; return 0; }
        int cuDriverGetVersion(int *version) OR_DO(*version = 12040)
        int cuDeviceGetCount(int *count) OR_DO(*count = 1)
        int cuDeviceGet(int *device, int number) OR_DO(*device = number)
        int cuDeviceGetName(char *name, int length, int device) OR_DO(snprintf(name, length, "Stand-in"))
        int cuDeviceTotalMem_v2(size_t *bytes, int device) OR_DO(*bytes = 1ull << 30)
        int cuDeviceGetAttribute(int *value, int attribute, int device)
            OR_DO(*value = attribute == 75 ? 8 : attribute == 76 ? 0 : attribute == 10 ? 32 : attribute == 16 ? 2 : attribute == 8 ? 49152 : attribute == 97 ? 166912 : 1024)
        int cuCtxCreate_v2(void **context, int flags, int device) OR_DO(*context = malloc(1))
        int cuCtxGetSharedMemConfig(int *value) OR_DO(*value = 0)
        int cuCtxGetCacheConfig(int *value) OR_DO(*value = 0)
        int cuMemAlloc_v2(void **to, size_t bytes) OR_DO(*to = calloc(1, bytes))
        int cuMemFree_v2(void *memory) OR_DO(free(memory))
        int cuMemHostGetDevicePointer_v2(void **to, void *host, int flags) OR_DO(*to = host)
        int cuMemcpyAsync(void *to, void *from, size_t bytes, void *stream) OR_DO(memcpy(to, from, bytes))
        int cuMemsetD8Async(void *to, unsigned char value, size_t bytes, void *stream) OR_DO(memset(to, value, bytes))
        int cuModuleLoadDataEx(void **module, void *text, int count, void *options, void *values) OR_DO(*module = malloc(1))
        int cuModuleGetFunction(void **function, void *module, char *name) OR_DO(*function = module)
        DOES_NOTHING(cuInit) DOES_NOTHING(cuCtxDestroy_v2) DOES_NOTHING(cuCtxSetCurrent) DOES_NOTHING(cuCtxSynchronize) DOES_NOTHING(cuStreamSynchronize)
        DOES_NOTHING(cuMemHostRegister_v2) DOES_NOTHING(cuMemHostUnregister) DOES_NOTHING(cuEventCreate) DOES_NOTHING(cuEventDestroy_v2)
        DOES_NOTHING(cuModuleUnload) DOES_NOTHING(cuLaunchKernel) DOES_NOTHING(cuFuncSetAttribute)
        int cublasCreate_v2(void **handle) OR_DO(*handle = malloc(1))
        DOES_NOTHING(cublasDestroy_v2) DOES_NOTHING(cublasSetStream_v2) DOES_NOTHING(cublasGemmEx)
        """;

    readonly TemporaryFolder _folder = new();

    /// <summary>Skips the test, with the reason, where it cannot be compiled.</summary>
    public StandInDriver()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The stand-in is a library of Linux.");
        File.WriteAllText(_folder["driver.c"], Code);
        try
        {
            using Process compiler = Process.Start("gcc", ["-shared", "-fPIC", "-w", "-o", _folder["libcuda.so.1"], _folder["driver.c"]]);
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Dispose();
            Assert.Skip($"gcc: {e.Message}");
        }
        File.Copy(_folder["libcuda.so.1"], _folder["libcublas.so.12"]);
    }

    /// <summary>The tuning file of its runs.</summary>
    public string TuningPath => _folder["tuning.json"];

    /// <summary>Runs <c>distill</c> with it.</summary>
    /// <param name="failing">Functions and what they return: <c>cuMemAlloc_v2=2,cuCtxDestroy_v2=700</c>.</param>
    /// <param name="variables">Of the environment, beside those of the driver.</param>
    /// <returns>Exit code and messages.</returns>
    public (int Code, string[] Errors) Run(string failing, string[] args, params (string Name, string Value)[] variables)
    {
        using var process = new DistillProcess(args,
            [("LD_LIBRARY_PATH", _folder.Path), ("STAND_IN_FAILS", failing), ("DISTILL_TUNING", TuningPath), .. variables]);
        int code = process.WaitForExit();
        return (code, process.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }

    public void Dispose() => _folder.Dispose();
}
