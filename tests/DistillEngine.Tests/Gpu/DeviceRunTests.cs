using System.Text.Json;
using DistillEngine.Tests.Cli;
using DistillEngine.Tests.Training;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary><c>distill</c> from training to answers on the device that executes what a card would get, and what it asks of the driver meanwhile.</summary>
public sealed class DeviceRunTests(DeviceRunTests.Run run) : IClassFixture<DeviceRunTests.Run>
{
    [Fact]
    public void Train_OnTheDevice_LosesWhatItLosesOnTheProcessor()
    {
        JsonElement[] expected = run.Train("cpu", Run.Steps).Json, got = run.Trained.Json;
        Assert.Equal(Run.Steps, got.Length);
        foreach (var (cpu, device) in expected.Zip(got))
            foreach (string name in (string[])["loss", "labelLoss", "rationaleLoss", "gradientNorm"])
                Agrees(cpu.GetProperty(name).GetDouble(), device.GetProperty(name).GetDouble());
    }

    [Fact]
    public void EvalAndPredict_OnTheDevice_AnswerAsOnTheProcessor()
    {
        Assert.Equal(0, run.Trained.Code);
        foreach (string[] args in (string[][])
        [
            ["predict", "--model", run.Model, "--max-new-tokens", "3", "which is larger, a cup or a car?"],
            ["eval", "--model", run.Model, "--data", run.Task.Validation, "--task", run.Task.Task, "--max-new-tokens", "3", "--json"],
        ])
        {
            string expected = run.On("cpu", args).Output;
            Assert.NotEmpty(expected);
            Assert.Equal(expected, run.On("cuda:0", args).Output);
        }
    }

    /// <summary>Of runs that find their kernels chosen, as choosing waits, too.</summary>
    [Fact]
    public void Train_ByEveryFurtherStep_WaitsOnceAndUploadsNoWeights()
    {
        (string Call, long Bytes)[] two = run.Waits(2), four = run.Waits(4);
        string all = string.Join('\n', four);
        Assert.True(four.Length - two.Length == 2, $"two steps more wait {four.Length - two.Length} times:\n{all}");
        long further = four.Sum(w => w.Bytes) - two.Sum(w => w.Bytes), weights = two.Max(w => w.Bytes);
        Assert.True(further > 0 && further < weights / 100, $"two steps more upload {further} bytes, all of the first {weights}:\n{all}");
    }

    static void Agrees(double expected, double got) =>
        Assert.True(Math.Abs(got - expected) <= 1e-5 * Math.Abs(expected), $"got {got}, the processor has {expected}.");

    /// <summary>A model that the device has trained, and further runs of it.</summary>
    public sealed class Run : IDisposable
    {
        public const int Steps = 2;

        readonly StandInDriver _driver = new();

        public Run() => Trained = Train("cuda:0", Steps);

        internal SmallTask Task { get; } = new();

        internal CliResult Trained { get; }

        internal string Model => Task.Output($"cuda:0-{Steps}-");

        internal CliResult Train(string device, int steps, string counts = "") => On(device,
        [
            "train", "--data", Task.Data, "--task", Task.Task, "--model", "tiny", "--tokenizer", Task.Tokenizer, "--output",
            Task.Output($"{device}-{steps}-{Path.GetFileName(counts)}"), "--steps", $"{steps}", "--batch", "1", "--lr", "2e-3", "--json",
        ], ("STAND_IN_COUNTS", counts));

        internal CliResult On(string device, string[] args, params IEnumerable<(string Name, string Value)> variables)
        {
            string[] all = [.. args, "--device", device];
            CliResult result = device == "cpu" ? CliResult.Of(all) : _driver.Run(all, [.. StandInDriver.Executing(80), .. variables]);
            Assert.True(result.Code == 0, result.ToString());
            return result;
        }

        /// <summary>The calls of a training that waited, and the bytes that were copied to the device before each.</summary>
        internal (string Call, long Bytes)[] Waits(int steps)
        {
            string path = Task.Output($"waits-{steps}.txt");
            Train("cuda:0", steps, path);
            return [.. File.ReadLines(path).Select(line => line.Split(' ')).Select(parts => (parts[0], long.Parse(parts[1])))];
        }

        public void Dispose()
        {
            Task.Dispose();
            _driver.Dispose();
        }
    }
}
