using DistillEngine.Tests.Training;
using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>A small task and a model that a few steps have trained on it, shared by the tests of a class; nobody changes it.</summary>
public sealed class TrainedTask : IDisposable
{
    public TrainedTask() => Training = CliResult.Of([.. TrainArguments("model"), "--json"]);

    internal SmallTask Task { get; } = new();

    /// <summary>The call that trained the model.</summary>
    internal CliResult Training { get; }

    internal string Model
    {
        get
        {
            Assert.True(Training.Code == 0, Training.ToString());
            return Task.Output("model");
        }
    }

    /// <summary>A call that trains into a folder of this name.</summary>
    internal string[] TrainArguments(string output, int steps = 6) =>
    [
        "train", "--data", Task.Data, "--task", Task.Task, "--model", "tiny", "--tokenizer", Task.Tokenizer, "--output", Task.Output(output),
        "--steps", $"{steps}",
        "--batch", "4", "--lr", "2e-3", "--save-every", "3", "--threads", "1",
    ];

    public void Dispose() => Task.Dispose();
}
