using DistillEngine.Kernels;
using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary><c>--device</c> and what <c>doctor</c> says of devices, whatever this machine has.</summary>
public class DeviceOptionTests
{
    [Theory]
    [InlineData("cuda:99")]
    [InlineData("opencl:99")]
    public void Verify_OnADeviceThatIsNotThere_SaysInOneLineWhatWasLookedForAndFound(string device)
    {
        CliResult result = CliResult.Of("verify", "--golden", GoldenCopy.Repository, "--device", device);
        Assert.Equal(2, result.Code);
        Assert.Single(result.ErrorLines);
        Assert.Contains($"--device {device}: there is no such device. Looked for the driver's", result.Error, StringComparison.Ordinal);
        Assert.Contains(GpuDevices.Emulator, result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("CUDA:0")]
    public void Verify_OnADeviceWithoutSuchAName_SaysWhatIsExpected(string device)
    {
        CliResult result = CliResult.Of("verify", "--golden", GoldenCopy.Repository, "--device", device);
        Assert.Equal(2, result.Code);
        Assert.Contains("expected auto, cpu, cuda:N, opencl:N or cpu-emulator", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_OnTheEmulator_NamesIt()
    {
        using var copy = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        CliResult result = CliResult.Of("verify", "--golden", copy.PathOf(""), "--device", GpuDevices.Emulator);
        Assert.Equal(0, result.Code);
        Assert.Contains($"0 failed, 0 skipped on {GpuDevices.Emulator}.", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cpu", "--dtype tf32 --device cpu: the processor does not multiply tf32")]
    [InlineData(GpuDevices.Emulator, "--device cpu-emulator: it does not multiply tf32")]
    public void Train_InTf32WithoutTensorCores_SaysWhatDoes(string device, string expected)
    {
        CliResult result = CliResult.Of("train", "--data", "none", "--task", "svamp", "--model", "tiny", "--output", "none", "--dtype", "tf32", "--device", device);
        Assert.Equal(2, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("CUDA devices of compute capability 8.0 and above do; take f32 or bf16.", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_ListsTheEmulator() => Assert.Contains($"{GpuDevices.Emulator}:", CliResult.Of("doctor").Output, StringComparison.Ordinal);
}
