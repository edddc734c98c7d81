using System.Globalization;
using DistillEngine.Kernels;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary>Shows how a run goes: the plan, a progress line, validations and checkpoints; with JSON, every step on stdout.</summary>
/// <param name="backend">What computes.</param>
/// <param name="steps">Of the whole run.</param>
sealed class TrainingConsole(Io io, IBackend backend, long steps, bool json) : ITrainingObserver
{
    readonly ProgressLine _progress = new(io);

    public void Planned(TrainingPlan plan)
    {
        io.Error.WriteLine($"device      {backend.Name}{(backend.EmulatesPrecision ? ": bf16 is emulated here, operands are rounded and multiplied as f32, no faster than "
            + "--dtype f32" : "")}");
        foreach (string line in plan.Describe()) io.Error.WriteLine(line);
    }

    public void Resumed(long step, string? otherDevice)
    {
        io.Error.WriteLine($"resumed     at step {step:N0}");
        if (otherDevice is not null)
            io.Error.WriteLine($"warning: the run began on {otherDevice}; the weights will differ in their last bits from an unbroken run's.");
    }

    public void Stepped(in StepReport report, double tokensPerSecond)
    {
        if (json)
        {
            StepReport copy = report;
            io.WriteJson(w => StepLog.WriteFields(w, copy, tokensPerSecond));
        }
        if (report.IsSkipped)
            _progress.Message($"step {report.Step:N0}: loss {report.Loss} or gradient norm {report.GradientNorm} is no finite number; the step was skipped.");
        if (_progress.IsDue) _progress.Update(Describe(report, tokensPerSecond));
    }

    public void Evaluated(long step, EvaluationResult result, bool isBest) => _progress.Message(string.Create(CultureInfo.InvariantCulture,
        $"step {step:N0}: {result.Describe(digits: 1)}{(isBest ? ", the best so far" : "")}"));

    public void Saved(long step, string path) => _progress.Message($"step {step:N0}: saved {path}");

    public void Finish(string message)
    {
        _progress.Clear();
        io.Error.WriteLine(message);
    }

    string Describe(in StepReport report, double tokensPerSecond)
    {
        string rationale = double.IsNaN(report.RationaleLoss)
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" (label {report.LabelLoss:F4}, rationale {report.RationaleLoss:F4})");
        return string.Create(CultureInfo.InvariantCulture,
            $"step {report.Step:N0}/{steps:N0}  loss {report.Loss:F4}{rationale}  norm {report.GradientNorm:G4}  {tokensPerSecond:N0} tokens/s");
    }
}
