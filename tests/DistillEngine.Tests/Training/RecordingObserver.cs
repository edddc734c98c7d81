using DistillEngine.Training;

namespace DistillEngine.Tests.Training;

/// <summary>Remembers a run, and cancels it after a step where it is told to.</summary>
sealed class RecordingObserver(long cancelAfter = 0) : ITrainingObserver, IDisposable
{
    readonly CancellationTokenSource _cancel = new();

    public CancellationToken Cancel => _cancel.Token;

    public TrainingPlan? Plan { get; private set; }

    public long? ResumedAt { get; private set; }

    public List<StepReport> Steps { get; } = [];

    public List<(long Step, double Accuracy, bool IsBest)> Evaluations { get; } = [];

    public List<(long Step, string Path)> Saves { get; } = [];

    public void Planned(TrainingPlan plan) => Plan = plan;

    public void Resumed(long step, string? otherDevice) => ResumedAt = step;

    public void Stepped(in StepReport report, double tokensPerSecond)
    {
        Steps.Add(report);
        if (report.Step == cancelAfter) _cancel.Cancel();
    }

    public void Evaluated(long step, EvaluationResult result, bool isBest) => Evaluations.Add((step, result.Accuracy, isBest));

    public void Saved(long step, string path) => Saves.Add((step, path));

    public void Dispose() => _cancel.Dispose();
}
