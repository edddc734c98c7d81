using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>The keys that scripts rely on, and what is refused.</summary>
public class BenchVerbTests
{
    static readonly string[] RooflineKeys = ["threads", "fp32Gflops", "bf16Gflops", "tf32Gflops", "int8Gops", "readGBs", "copyGBs"];

    [Fact]
    public void Roofline_WithJson_GivesAllThreadsAndOneCore()
    {
        CliResult result = CliResult.Of("bench", "roofline", "--threads", "2", "--json");
        JsonElement roof = Assert.Single(result.Json);
        Assert.Equal(0, result.Code);
        Assert.Equal(["device", .. RooflineKeys, "perCore"], roof.EnumerateObject().Select(p => p.Name));
        JsonElement core = roof.GetProperty("perCore");
        Assert.Equal(RooflineKeys, core.EnumerateObject().Select(p => p.Name));
        Assert.Equal((2, 1), (roof.GetProperty("threads").GetInt32(), core.GetProperty("threads").GetInt32()));
        Assert.All([roof, core], r => Assert.All((string[])["fp32Gflops", "readGBs", "copyGBs"], key => Assert.True(r.GetProperty(key).GetDouble() > 0)));
        foreach (var (key, word) in ((string, string)[])[("bf16Gflops", "bf16"), ("tf32Gflops", "tf32"), ("int8Gops", "int8")])
            Assert.Equal(roof.GetProperty(key).ValueKind == JsonValueKind.Null, result.Error.Contains(word, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    public void Step_WithJsonAndProfile_GivesItsKeysAndEveryOp(string type)
    {
        CliResult result = CliResult.Of("bench", "step", "--model", "tiny", "--batch", "1", "--source", "4", "--step-by-step", "--dtype", type, "--threads",
            "1", "--json", "--profile");
        Assert.True(result.Code == 0, result.ToString());
        JsonElement step = Assert.Single(result.Json);
        Assert.Equal(["device", "forwardMs", "backwardMs", "optimizerMs", "stepMs", "tokensPerSecond", "peakRssMb", "limitMs", "shareOfLimit"],
            step.EnumerateObject().Select(p => p.Name));
        Assert.All(step.EnumerateObject().Skip(1), p => Assert.True(p.Value.GetDouble() > 0, p.Name));
        string[] ops =
            ["matmul.forward", "matmul.backward.weight", "attention.backward", "linear_cross_entropy.backward", "adamw.update", "outside of ops"];
        Assert.All(ops, op => Assert.Contains(result.ErrorLines, line => line.StartsWith(op, StringComparison.Ordinal)));
    }

    [Fact]
    public void Step_OfTheMethodWithATarget_SaysThatItIsNotUsed()
    {
        CliResult result = CliResult.Of("bench", "step", "--model", "tiny", "--batch", "1", "--source", "4", "--step-by-step", "--target", "32", "--threads", "1",
            "--json");
        Assert.True(result.Code == 0, result.ToString());
        Assert.Single(result.Json);
        Assert.StartsWith("--target 32 is not used: the targets of --step-by-step have 4 and 64 tokens.", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Step_WithProfile_CountsTheMeasuredStepsAlone()
    {
        CliResult result = CliResult.Of("bench", "step", "--model", SmallModel, "--batch", "1", "--source", "2", "--target", "2", "--threads", "1", "--profile");
        Assert.True(result.Code == 0, result.ToString());
        string steps = Regex.Match(result.Output, @", ([\d,]+) steps\)").Groups[1].Value;
        string update = Assert.Single(result.ErrorLines, line => line.StartsWith("adamw.update", StringComparison.Ordinal));
        Assert.Equal(int.Parse(steps, NumberStyles.AllowThousands, CultureInfo.InvariantCulture),
            int.Parse(update.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], NumberStyles.AllowThousands, CultureInfo.InvariantCulture));
        // Of the measured time, so that ops and what is outside of them are all of it; each is rounded to a tenth.
        double[] shares = [.. result.ErrorLines.Select(line => Regex.Match(line, @"^\S.*?[\d.]+ +([\d.]+) %")).Where(m => m.Success)
            .Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.InRange(shares.Sum(), 99, 101);
    }

    [Fact]
    public void Decode_WithJson_GivesItsKeys()
    {
        CliResult result = CliResult.Of("bench", "decode", "--model", "tiny", "--batch", "2", "--source", "4", "--tokens", "3", "--threads", "1", "--json");
        Assert.True(result.Code == 0, result.ToString());
        JsonElement decode = Assert.Single(result.Json);
        Assert.Equal(["device", "ms", "tokensPerSecond", "bytesPerToken", "limitMs", "shareOfLimit", "peakRssMb"],
            decode.EnumerateObject().Select(p => p.Name));
        Assert.All(decode.EnumerateObject().Skip(1), p => Assert.True(p.Value.GetDouble() > 0, p.Name));
    }

    public static TheoryData<string, string[]> OnTheEmulator => new()
    {
        { "roofline", ["fp32Gflops", "readGBs", "copyGBs"] },
        { $"step --model {SmallModel} --batch 1 --source 2 --target 2",
            ["forwardMs", "backwardMs", "optimizerMs", "stepMs", "tokensPerSecond", "peakRssMb", "limitMs", "shareOfLimit"] },
        { $"decode --model {SmallModel} --batch 2 --source 2 --tokens 2", ["ms", "tokensPerSecond", "bytesPerToken", "limitMs", "shareOfLimit", "peakRssMb"] },
    };

    static string SmallModel => Path.Combine(GoldenCopy.Repository, "models", "shortest");

    [Theory, MemberData(nameof(OnTheEmulator))]
    public void Bench_OnTheEmulator_GivesTheKeysOfTheProcessor(string line, string[] numbers)
    {
        CliResult result = CliResult.Of(["bench", .. line.Split(' '), "--device", "cpu-emulator", "--json"]);
        Assert.True(result.Code == 0, result.ToString());
        JsonElement got = Assert.Single(result.Json);
        Assert.Equal("cpu-emulator", got.GetProperty("device").GetString());
        Assert.All(numbers, key => Assert.True(got.GetProperty(key).GetDouble() > 0, key));
        if (line == "roofline")
        {
            Assert.Equal(["device", .. RooflineKeys, "perCore"], got.EnumerateObject().Select(p => p.Name));
            Assert.All((string[])["threads", "bf16Gflops", "tf32Gflops", "int8Gops", "perCore"], key =>
                Assert.Equal(JsonValueKind.Null, got.GetProperty(key).ValueKind));
            Assert.All((string[])["bf16", "tf32"], type =>
                Assert.Contains($"{type}: not measured: the device has no tensor cores that multiply it", result.Error, StringComparison.Ordinal));
        }
        else
        {
            Assert.Equal(["device", .. numbers], got.EnumerateObject().Select(p => p.Name));
        }
    }

    [Fact]
    public void Step_WithProfileOnTheEmulator_NamesTheDeviceBesideItsOps()
    {
        CliResult result =
            CliResult.Of("bench", "step", "--model", SmallModel, "--batch", "1", "--source", "2", "--target", "2", "--device", "cpu-emulator", "--profile");
        Assert.True(result.Code == 0, result.ToString());
        Assert.StartsWith("on cpu-emulator", result.Output, StringComparison.Ordinal);
        Assert.Contains(result.ErrorLines, line => line.StartsWith("attention.backward", StringComparison.Ordinal));
        Assert.Contains("measured just now on cpu-emulator", result.Error, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, int> WrongUses => new()
    {
        { "step --model tiny --threads 2 --device cpu-emulator", "--threads 2 --device cpu-emulator: the threads are those of the processor", 2 },
        { "step --model tiny --dtype tf32 --device cpu-emulator", "--device cpu-emulator: it does not multiply tf32", 2 },
        { "decode --model tiny --weights int8 --device cpu-emulator", "int8", 2 },
        { "roofline --device gpu", "expected auto, cpu, cuda:N, opencl:N or cpu-emulator", 2 },
        { "step", "--model", 2 },
        { "step --model nope", "nope", 3 },
        { "step --model tiny --batch 0", "--batch is 0", 2 },
        { "step --model tiny --dtype f16", "--dtype is 'f16'", 2 },
        { "step --model tiny --optimizer lion", "lion", 2 },
        { "step --model v1.1-xxl --batch 64 --source 4096", "MiB", 1 },
        { "step --model tiny --batch 2000000000", "--batch", 2 },
        { "decode --model tiny --source 2000000000", "16,777,216", 2 },
        { "decode --model tiny --tokens 2000000000", "16,777,216", 2 },
        { "decode --model tiny --weights f16", "--weights is 'f16'", 2 },
        { "decode --model tiny --tokens 0", "--tokens is 0", 2 },
        { "roofline --threads 5000", "--threads is 5000", 2 },
    };

    [Theory, MemberData(nameof(WrongUses))]
    public void Bench_OfAWrongUse_SaysWhatIsWrong(string line, string reason, int code)
    {
        CliResult result = CliResult.Of(["bench", .. line.Split(' ')]);
        Assert.True(result.Code == code && result.Output.Length == 0, result.ToString());
        Assert.Contains(reason, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }
}
