using System.Text.Json.Nodes;
using DistillEngine.Data.Batching;
using DistillEngine.Kernels;
using DistillEngine.Training;
using Xunit;

namespace DistillEngine.Tests.Training;

/// <summary>What a run says of rows that it cannot use.</summary>
public sealed class TrainingDataTests : IDisposable
{
    readonly SmallTask _task = new();

    public void Dispose() => _task.Dispose();

    [Fact]
    public void Execute_WithHeldRowsWithoutGold_CountsThem()
    {
        Edit(_task.Validation, 2, row => row["label"] = null);
        TrainingPlan plan = Run(_task.Options("run", 1) with { EvalEvery = 1, ValidationData = _task.Validation }).Plan!;
        Assert.Contains(plan.Describe(), line => line.Contains("; 2 rows held out without a gold label", StringComparison.Ordinal));
    }

    [Fact]
    public void Execute_StepByStepWithoutAnyRationale_IsRefused()
    {
        Edit(_task.Data, SmallTask.Rows, row => row["rationale"] = null);
        string message = Assert.Throws<InvalidDataException>(() => Run(_task.Options("run", 1))).Message;
        Assert.StartsWith($"{_task.Data}: no row has a rationale", message, StringComparison.Ordinal);
        Run(_task.Options("run", 1) with { Method = TrainingMethod.Standard });
    }

    RecordingObserver Run(TrainingOptions options)
    {
        var observer = new RecordingObserver();
        using var backend = CpuBackend.Open(1);
        new TrainingRun(options, backend, observer).Execute();
        return observer;
    }

    static void Edit(string file, int rows, Action<JsonObject> edit) => File.WriteAllLines(file, [.. File.ReadAllLines(file).Select((line, i) =>
    {
        if (i >= rows) return line;
        JsonObject row = JsonNode.Parse(line)!.AsObject();
        edit(row);
        return row.ToJsonString();
    })]);
}
