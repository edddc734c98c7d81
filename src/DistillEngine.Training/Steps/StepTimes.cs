using System.Diagnostics;

namespace DistillEngine.Training;

/// <summary>Where one step's time went. On a device that queues its work, a part counts what was waited for in it; see
/// <see cref="TrainerSettings.WaitsForParts"/>.</summary>
/// <param name="Forward">Encoder, decoder and losses of all micro-batches.</param>
/// <param name="Backward">Their gradients.</param>
/// <param name="Optimizer">Gradient norm, update, and clearing the gradients.</param>
public readonly record struct StepTimes(TimeSpan Forward, TimeSpan Backward, TimeSpan Optimizer)
{
    internal StepTimes AfterForward(long started) => this with { Forward = Forward + Stopwatch.GetElapsedTime(started) };
    internal StepTimes AfterBackward(long started) => this with { Backward = Backward + Stopwatch.GetElapsedTime(started) };
    internal StepTimes AfterOptimizer(long started) => this with { Optimizer = Optimizer + Stopwatch.GetElapsedTime(started) };
}
