using System.Text.RegularExpressions;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.House;
using DistillEngine.Tests.Verification;
using ILGPU.Runtime.OpenCL;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>What becomes of a driver's errors.</summary>
public partial class DriverTests
{
    [Fact]
    public void Guard_OfALaunch_PassesItsArgumentsAndNamesTheKernelOfAnError()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        int sum = 0;
        gpu.Driver.Guard<Action<int, int>>("kernel", (a, b) => sum = 10 * a + b)(1, 2);
        Assert.Equal(12, sum);
        DeviceException e = Assert.Throws<DeviceException>(() =>
            gpu.Driver.Guard<Action<int>>("Relu.Forward", _ => throw new CLException(CLError.CL_INVALID_KERNEL_ARGS))(1));
        Assert.Equal("cpu-emulator: launching Relu.Forward failed: CL_INVALID_KERNEL_ARGS. Take another --device, such as cpu; "
            + "'distill doctor' lists them.", e.Message);
    }

    [Fact]
    public void Release_AfterAFailure_LeavesTheWordToIt()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        Action fails = () => throw new CLException(CLError.CL_INVALID_MEM_OBJECT);
        Assert.Contains("giving memory back failed: CL_INVALID_MEM_OBJECT", Assert.Throws<DeviceException>(() => gpu.Driver.Release(fails)).Message,
            StringComparison.Ordinal);
        gpu.Driver.Release(fails);
    }

    [Theory]
    [InlineData(CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE, true)]
    [InlineData(CLError.CL_OUT_OF_RESOURCES, true)]
    [InlineData(CLError.CL_OUT_OF_HOST_MEMORY, true)]
    [InlineData(CLError.CL_INVALID_BUFFER_SIZE, true)]
    [InlineData(CLError.CL_INVALID_CONTEXT, false)]
    [InlineData(CLError.CL_DEVICE_NOT_AVAILABLE, false)]
    public void LackOfMemory_OfOpenClsErrors_IsThatAlone(CLError error, bool isLack)
    {
        DeviceException e = DriverErrors.Of("opencl:0", "it", new CLException(error));
        Assert.Equal(isLack, e.IsLackOfMemory);
        Assert.StartsWith($"opencl:0: it failed: {error}. Take {(isLack ? "a smaller batch" : "another --device")}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Allocate_OfMoreThanThereIs_SaysForWhatAndWhatToDo()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        string message = Assert.Throws<InsufficientMemoryException>(() => backend.Allocate(1L << 60, "activations")).Message;
        Assert.StartsWith("activations: 1,152,921,504,606,846,976 bytes of memory could not be allocated on cpu-emulator", message, StringComparison.Ordinal);
        Assert.EndsWith("Take a smaller batch, end what else computes there, or take another --device, such as cpu.", message, StringComparison.Ordinal);
    }

    /// <summary>A call beside the driver's class would end in a stack trace where it fails.</summary>
    [Fact]
    public void Drivers_AreCalledInOnePlace()
    {
        var calls = from file in Repository.Files("*.cs")
                    where file.StartsWith("kernels/", StringComparison.Ordinal) && !file.EndsWith("/Driver.cs", StringComparison.Ordinal)
                    from Match call in DriverCall().Matches(File.ReadAllText(Path.Combine(Repository.Root, file)))
                    select $"{file}: {call.Value}";
        Assert.True(!calls.Any(), string.Join(Environment.NewLine, calls));
    }

    [GeneratedRegex(@"Stream\.Synchronize|MemSet\w*\(|Copy(To|From)CPU\w*|CopyTo\(\w*\.?Stream|Accelerator\.(Bind|Synchronize|Allocate\w*)\(")]
    private static partial Regex DriverCall();

    [Theory]
    [InlineData("cuCtxCreate_v2=2", "cuda:0: opening it failed: out of memory (CUDA_ERROR_OUT_OF_MEMORY). Take a smaller batch")]
    [InlineData("cuMemHostRegister_v2=2", "cuda:0 Stand-in: allocating 4,194,304 bytes of pinned memory failed: out of memory")]
    [InlineData("cuMemAlloc_v2=2", "bytes of memory could not be allocated on cuda:0 Stand-in, which has 1,073,741,824. Take a smaller batch")]
    [InlineData("cuMemAlloc_v2=999", "' failed: the driver refuses (CUDA_ERROR_UNKNOWN). Take another --device")]
    [InlineData("cuModuleLoadDataEx=218", "cuda:0 Stand-in: compiling ")]
    [InlineData("cuLaunchKernel=719", "cuda:0 Stand-in: launching ")]
    [InlineData("cuStreamSynchronize=700,cuMemFree_v2=700,cuMemHostUnregister=700,cuCtxDestroy_v2=700",
        "cuda:0 Stand-in: the queued work failed: an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)")]
    [InlineData("cublasCreate_v2=3", "cuda:0 Stand-in: cublasCreate of cuBLAS failed: status 3 (allocation failed). Take a smaller batch", "cublas")]
    [InlineData("cublasCreate_v2=1", "cuda:0 Stand-in: cublasCreate of cuBLAS failed: status 1 (not initialized). Take another --device", "cublas")]
    public void Distill_OnADriverThatFails_SaysSoInOneLine(string failing, string expected, string products = "own")
    {
        using var driver = new StandInDriver();
        var (code, errors) = driver.Run(failing, ["bench", "roofline", "--device", "cuda:0"], ("DISTILL_GEMM", products));
        string line = Assert.Single(errors);
        Assert.StartsWith("distill: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData("cuCtxCreate_v2=2", "cuda:0: opening it failed: out of memory")]
    [InlineData("cuMemHostRegister_v2=999", "cuda:0 Stand-in: allocating 4,194,304 bytes of pinned memory failed: the driver refuses")]
    public void Distill_OnAutoWithADriverThatFails_ComputesOnTheProcessorAndSaysWhy(string failing, string expected)
    {
        using var driver = new StandInDriver();
        using var golden = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        var (code, errors) = driver.Run(failing, ["verify", "--golden", golden.PathOf("")]);
        Assert.Equal(0, code);
        Assert.StartsWith($"--device auto: the processor computes. {expected}", errors[0], StringComparison.Ordinal);
        Assert.Contains("skipped on cpu/", errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Bench_WithATuningFileThatIsNone_ReportsAndLeavesIt()
    {
        using var driver = new StandInDriver();
        File.WriteAllText(driver.TuningPath, "notes");
        string model = Path.Combine(GoldenCopy.Repository, "models", "shortest");
        foreach (string[] args in (string[][])[["step", "--model", model, "--batch", "1", "--source", "2", "--target", "2"], ["decode", "--model", model]])
        {
            var (_, errors) = driver.Run("", ["bench", .. args, "--device", "cuda:0"]);
            Assert.Contains(errors, line => line.StartsWith($"{driver.TuningPath}: it is not a readable tuning file", StringComparison.Ordinal));
            Assert.Equal("notes", File.ReadAllText(driver.TuningPath));
        }
    }

    [Fact]
    public void Distill_WithATuningFileThatIsAFolder_SaysSo()
    {
        using var driver = new StandInDriver();
        Directory.CreateDirectory(driver.TuningPath);
        foreach (string folder in (string[])[driver.TuningPath, "/"])
        {
            var (code, errors) = driver.Run("", ["bench", "roofline", "--device", "cuda:0"], ("DISTILL_TUNING", folder));
            Assert.StartsWith($"distill: --device cuda:0 Stand-in: DISTILL_TUNING is '{folder}', which is a folder", Assert.Single(errors), StringComparison.Ordinal);
            Assert.Equal(2, code);
        }
        Assert.Empty(Directory.GetFileSystemEntries(driver.TuningPath));
    }
}
