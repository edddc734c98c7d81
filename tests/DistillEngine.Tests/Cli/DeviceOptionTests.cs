using DistillEngine.Kernels;
using DistillEngine.Tests.Formats;
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
    [InlineData("train --data d --task t --model m --output o")]
    [InlineData("eval --model m --data d")]
    [InlineData("predict --model m question")]
    [InlineData("bench roofline")]
    [InlineData("bench step --model tiny")]
    [InlineData("bench decode --model tiny")]
    public void EveryVerb_OnADeviceThatIsNotThere_SaysInOneLineWhatWasLookedForAndFound(string line)
    {
        CliResult result = CliResult.Of([.. line.Split(' '), "--device", "cuda:99"]);
        Assert.True(result.Code == 2 && result.Output.Length == 0, result.ToString());
        Assert.Single(result.ErrorLines);
        Assert.Contains("--device cuda:99: there is no such device. Looked for the driver's", result.Error, StringComparison.Ordinal);
        Assert.Contains("found ", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("eval --model m --data d --weights int8")]
    [InlineData("predict --model m question --weights int8")]
    [InlineData("bench decode --model tiny --weights int8")]
    public void EveryVerb_WithWeightsThatTheDeviceCannotMultiply_SaysWhatToDo(string line)
    {
        CliResult result = CliResult.Of([.. line.Split(' '), "--device", GpuDevices.Emulator]);
        Assert.True(result.Code == 2 && result.Output.Length == 0, result.ToString());
        Assert.Contains("--weights int8 --device cpu-emulator: the device multiplies float32 weights alone; leave out --weights, or take --device cpu.",
            result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("eval --model m --data d --cache bf16")]
    [InlineData("predict --model m question --cache bf16")]
    [InlineData("bench decode --model tiny --cache bf16")]
    public void EveryVerb_WithACacheThatTheDeviceDoesNotKeep_SaysWhatToDo(string line)
    {
        CliResult result = CliResult.Of([.. line.Split(' '), "--device", GpuDevices.Emulator]);
        Assert.True(result.Code == 2 && result.Output.Length == 0, result.ToString());
        Assert.Contains("--cache bf16 --device cpu-emulator: the device keeps float32 keys and values alone; leave out --cache, or take --device cpu.",
            result.Error, StringComparison.Ordinal);
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
    [InlineData("DistillEngine.Kernels.Gpu")]
    [InlineData("ILGPU")]
    public void Program_WithoutTheFilesOfItsDevices_ComputesOnTheProcessorAndSaysWhatIsMissing(string file)
    {
        using var folder = new TemporaryFolder();
        foreach (string path in Directory.EnumerateFiles(AppContext.BaseDirectory))
            if (Path.GetExtension(path) is ".dll" or ".json" && Path.GetFileNameWithoutExtension(path) != file) File.Copy(path, folder[Path.GetFileName(path)]);
        string program = folder["distill.dll"];
        using var golden = new GoldenCopy(GoldenCopy.Repository, "models/shortest");
        using (var verify = new DistillProcess(program, ["verify", "--golden", golden.PathOf("")]))
            Assert.True(verify.WaitForExit() == 0, verify.Error);
        using (var bench = new DistillProcess(program,
            ["bench", "step", "--model", Path.Combine(GoldenCopy.Repository, "models", "shortest"), "--batch", "1", "--source", "2", "--target", "2",
            "--threads", "1"]))
            Assert.True(bench.WaitForExit() == 0, bench.Error);
        using var absent = new DistillProcess(program, ["bench", "roofline", "--device", "cuda:0"]);
        Assert.Equal(2, absent.WaitForExit());
        Assert.Contains($"--device cuda:0: this program lacks its file {file}.dll; it computes on the CPU alone. Expected auto or cpu.", absent.Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_OfDriversWithoutDevices_SaysWhatWasLookedFor()
    {
        string[] lines = CliResult.Of("doctor").OutputLines;
        foreach (string kind in (string[])["cuda", "opencl"])
            if (!Array.Exists(lines, line => line.Contains($" {kind}:0: ", StringComparison.Ordinal)))
                Assert.Contains(lines, line => line.Contains($" {kind}:N: none; looked for the driver's", StringComparison.Ordinal));
    }

    [Fact]
    public void List_FromSeveralThreadsAtOnce_FindsTheSameDevices()
    {
        string[] expected = [.. GpuDevices.List().Select(d => d.Name)];
        Parallel.For(0, 24, _ => Assert.Equal(expected, GpuDevices.List().Select(d => d.Name)));
    }

    [Theory]
    [InlineData("cpu", "--dtype tf32 --device cpu: the processor does not multiply tf32")]
    [InlineData(GpuDevices.Emulator, "--device cpu-emulator: it does not multiply tf32")]
    public void Train_InTf32WithoutTensorCores_SaysWhatDoes(string device, string expected)
    {
        CliResult result = CliResult.Of("train", "--data", "none", "--task", "svamp", "--model", "tiny", "--output", "none", "--dtype", "tf32",
            "--device", device);
        Assert.Equal(2, result.Code);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Contains("CUDA devices of compute capability 8.0 and above do; take f32 or bf16.", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_ListsTheEmulator() => Assert.Contains($"{GpuDevices.Emulator}:", CliResult.Of("doctor").Output, StringComparison.Ordinal);
}
