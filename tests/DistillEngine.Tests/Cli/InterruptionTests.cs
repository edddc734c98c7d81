using DistillEngine.Tests.Training;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>Whatever stops a run, and whenever: resumed, it ends with the bits of the unbroken one.</summary>
public sealed class InterruptionTests : IDisposable
{
    const int Steps = 200;

    readonly SmallTask _task = new();

    public void Dispose() => _task.Dispose();

    [Fact]
    public void Train_KilledAtRandomMomentsAndResumed_EndsWithTheSameBytes()
    {
        Assert.Equal(0, CliResult.Of(Train("unbroken")).Code);
        int kills = 0;
        // Lines lag behind the work by what the pipe holds, so a kill falls anywhere: in a step, in a checkpoint, in the model's last writing.
        var random = new Random(17);
        while (true)
        {
            using var process = new DistillProcess([.. Train("killed"), "--resume", "--json"]);
            if (kills < 4 && process.WaitForLines(random.Next(1, 45)))
            {
                process.Kill();
                kills++;
                continue;
            }
            Assert.True(process.WaitForExit() == 0, process.Error);
            break;
        }
        Assert.InRange(kills, 2, 4);
        foreach (string file in (string[])["model.safetensors", "config.json", "distill.json", "spiece.model"]) AssertSame(file);
        Assert.Equal(Steps, File.ReadLines(Path.Combine(_task.Output("killed"), StepLog.FileName)).Count());
    }

    [Fact]
    public void Train_Interrupted_SavesAndReturns130()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows has no SIGINT for another process.");
        Assert.Equal(0, CliResult.Of(Train("unbroken")).Code);
        using (var process = new DistillProcess([.. Train("killed"), "--json"]))
        {
            Assert.True(process.WaitForLines(3), process.Error);
            process.Interrupt();
            int code = process.WaitForExit();
            Assert.True(code == 130, $"exit {code}: {process.Error}");
        }
        var checkpoints = new CheckpointFolder(_task.Output("killed"));
        int logged = File.ReadLines(Path.Combine(_task.Output("killed"), StepLog.FileName)).Count();
        Assert.Equal(logged, checkpoints.Steps[^1]);
        Assert.InRange(logged, 3, Steps - 1);
        Assert.Equal(0, CliResult.Of([.. Train("killed"), "--resume"]).Code);
        AssertSame("model.safetensors");
    }

    string[] Train(string output) =>
    [
        "train", "--data", _task.Data, "--task", _task.Task, "--model", "tiny", "--tokenizer", _task.Tokenizer, "--output", _task.Output(output),
        "--steps", $"{Steps}",
        "--batch", "4", "--accumulate", "2", "--save-every", "15", "--keep", "2", "--threads", "1",
    ];

    void AssertSame(string file) => Assert.True(
        File.ReadAllBytes(Path.Combine(_task.Output("unbroken"), file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(_task.Output("killed"), file))),
            $"{file} differs.");
}
