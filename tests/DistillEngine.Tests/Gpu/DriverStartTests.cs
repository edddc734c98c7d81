using DistillEngine.Tests.Cli;
using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>What users read of a CUDA driver that is installed: what its device can do, and why there is none.</summary>
public class DriverStartTests
{
    const string Mismatch = "cuInit: system has unsupported display driver / cuda driver combination (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803)",
        Absence = "cuInit: no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE, 100)",
        NoCount = "cuDeviceGetCount: the driver refuses (999)";

    /// <summary>What fails, the driver's words, and what <c>--device cuda:0</c> ends with.</summary>
    public static TheoryData<string, string, int> Failures => new()
    {
        { "cuInit=803", Mismatch, 1 }, { "cuInit=100", Absence, 2 }, { "cuDeviceGetCount=999", NoCount, 1 },
    };

    [Theory, MemberData(nameof(Failures))]
    public void Distill_OnADriverThatDoesNotStart_SaysInItsWordsWhy(string failing, string words, int code)
    {
        using var driver = new StandInDriver();
        CliResult doctor = driver.Run(["doctor"], ("STAND_IN_FAILS", failing));
        string line = Assert.Single(doctor.OutputLines, line => line.Contains(" cuda:", StringComparison.Ordinal));
        Assert.Contains($" cuda:N: none; looked for the driver's libcuda.so.1 or libcuda.so (installed; {words})", line, StringComparison.Ordinal);

        var named = driver.Run(failing, ["bench", "roofline", "--device", "cuda:0"]);
        Assert.Equal(code, named.Code);
        Assert.Contains(words, Assert.Single(named.Errors), StringComparison.Ordinal);
        Assert.Contains(code == 1 ? "cuda:0: starting its driver failed: " : "cuda:0: there is no such device. ", named.Errors[0],
            StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Failures))]
    public void Distill_OnAutoWithADriverThatDoesNotStart_ComputesOnTheProcessorAndSaysWhy(string failing, string words, int code)
    {
        Assert.NotEqual(0, code);
        using var driver = new StandInDriver();
        var (auto, errors) = Verify(driver, failing);
        Assert.Equal(0, auto);
        Assert.StartsWith("--device auto: the processor computes. Looked for a CUDA device with the driver's libcuda.so.1", errors[0],
            StringComparison.Ordinal);
        Assert.Contains(words, errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Distill_OnAutoWithADriverTooOld_ComputesOnTheProcessorAndSaysWhy()
    {
        using var driver = new StandInDriver();
        var (auto, errors) = Verify(driver, "cuDriverGetVersion=1");
        Assert.Equal(0, auto);
        Assert.StartsWith("--device auto: the processor computes. ", errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Distill_OnAutoWithoutADriver_SaysNothingOfDevices()
    {
        if (CliResult.Of("doctor").Output.Contains("libcuda.so (installed", StringComparison.Ordinal)) Assert.Skip("A driver is installed here.");
        using var golden = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        using var process = new DistillProcess("verify", "--golden", golden.PathOf(""));
        Assert.Equal(0, process.WaitForExit());
        Assert.DoesNotContain("--device", process.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(70, "no tensor cores for bf16 and tf32")]
    [InlineData(80, "tensor cores for bf16 and tf32")]
    public void Doctor_OfACudaDevice_SaysWhoMultiplies(int capability, string cores)
    {
        using var driver = new StandInDriver();
        string line = Assert.Single(driver.Run(["doctor"], StandInDriver.Executing(capability)).OutputLines,
            line => line.Contains(" cuda:0: ", StringComparison.Ordinal));
        Assert.EndsWith($", {cores}, DISTILL_GEMM=cublas takes libcublas.so.12; usable", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_OfACudaDeviceWithoutCublas_SaysWhatWasLookedFor()
    {
        using var driver = new StandInDriver();
        using var libraries = new Formats.TemporaryFolder();
        File.Copy(Path.Combine(StandInLibrary.Folder, "libcuda.so.1"), libraries["libcuda.so.1"]);
        string line = Assert.Single(driver.Run(["doctor"], ("LD_LIBRARY_PATH", libraries.Path)).OutputLines,
            line => line.Contains(" cuda:0: ", StringComparison.Ordinal));
        if (line.Contains("DISTILL_GEMM=cublas takes", StringComparison.Ordinal)) Assert.Skip("cuBLAS is installed here.");
        Assert.Contains("DISTILL_GEMM=cublas finds none of libcublas.so.13, libcublas.so.12, libcublas.so.11", line, StringComparison.Ordinal);
    }

    static (int Code, string[] Errors) Verify(StandInDriver driver, string failing)
    {
        using var golden = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        return driver.Run(failing, ["verify", "--golden", golden.PathOf("")]);
    }
}
