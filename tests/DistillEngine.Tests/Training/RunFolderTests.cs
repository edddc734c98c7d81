using DistillEngine.Formats;
using DistillEngine.Kernels;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

/// <summary>What a run makes of the folder it finds, and leaves in it.</summary>
public sealed class RunFolderTests : IDisposable
{
    readonly SmallTask _task = new();

    public void Dispose() => _task.Dispose();

    [Fact]
    public void Execute_WhileAnotherRunGoesOnThere_IsRefused()
    {
        TrainingOptions options = _task.Options("run", 2);
        string held = Path.Combine(Directory.CreateDirectory(options.Output).FullName, "run.lock");
        using (new FileStream(held, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            string message = Assert.Throws<InvalidDataException>(() => Run(options)).Message;
            Assert.Contains($"{options.Output}: another process trains", message, StringComparison.Ordinal);
        }
        // What a killed run leaves holds nothing.
        Assert.True(File.Exists(held));
        Run(options);
        Assert.False(File.Exists(held));
    }

    [Fact]
    public void Execute_ResumedWithoutItsBestModel_IsRefused()
    {
        TrainingOptions options = _task.Options("run", 4) with { EvalEvery = 2, ValidationData = _task.Validation, Resume = true };
        Run(options);
        string best = Path.Combine(options.Output, "best"), aside = Path.Combine(options.Output, "best.replaced-0123abcd");
        byte[] weights = File.ReadAllBytes(Path.Combine(best, ModelFiles.Safetensors));
        Directory.Move(best, Path.Combine(options.Output, "elsewhere"));
        Assert.StartsWith($"{best}: is missing", Assert.Throws<InvalidDataException>(() => Run(options)).Message, StringComparison.Ordinal);

        // As a kill between two renames leaves it.
        Directory.Move(Path.Combine(options.Output, "elsewhere"), aside);
        Run(options);
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(best, ModelFiles.Safetensors)));
        Assert.False(Directory.Exists(aside));
    }

    [Theory]
    [InlineData(ModelFiles.Safetensors, "x")]
    [InlineData(ModelFiles.Safetensors, null)]
    [InlineData("config.json", "{}")]
    [InlineData("optimizer.safetensors", "x")]
    [InlineData("optimizer.safetensors", null)]
    [InlineData("state.json", "{")]
    [InlineData("state.json", null)]
    public void Execute_ResumedFromADamagedCheckpoint_SaysWhatToDelete(string file, string? contents)
    {
        TrainingOptions options = _task.Options("run") with { Resume = true };
        Run(options);
        string newest = new CheckpointFolder(options.Output).PathOf(10), path = Path.Combine(newest, file);
        if (contents is null) File.Delete(path);
        else File.WriteAllText(path, contents);
        string message = Assert.Throws<InvalidDataException>(() => Run(options)).Message;
        Assert.EndsWith($"Delete the folder {newest} to resume from the checkpoint before it.", message, StringComparison.Ordinal);
        Directory.Delete(newest, recursive: true);
        Assert.Equal(9, Run(options).ResumedAt);
    }

    [Fact]
    public void Execute_ThatDiverges_KeepsTheCheckpointFromBefore()
    {
        TrainingOptions options = _task.Options("run", 30) with { SaveEvery = 1, Keep = 1, Warmup = 0, Optimizer = new() { LearningRate = 1e20 } };
        Assert.Throws<NonFiniteLossException>(() => Run(options));
        Assert.Contains(1L, new CheckpointFolder(options.Output).Steps);
    }

    RecordingObserver Run(TrainingOptions options)
    {
        var observer = new RecordingObserver();
        using var backend = CpuBackend.Open(1);
        new TrainingRun(options, backend, observer).Execute(observer.Cancel);
        return observer;
    }
}
