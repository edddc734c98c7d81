namespace DistillEngine.Training;

/// <summary>Is told how a run goes, on the run's own thread.</summary>
public interface ITrainingObserver
{
    /// <summary>Before any memory is taken.</summary>
    void Planned(TrainingPlan plan);

    /// <summary>A checkpoint was found and restored.</summary>
    /// <param name="otherDevice">Where the run computed until then, if elsewhere: its weights will not be those of an unbroken run to the
    /// bit. Null where nothing changed.</param>
    void Resumed(long step, string? otherDevice);

    void Stepped(in StepReport report, double tokensPerSecond);

    void Evaluated(long step, EvaluationResult result, bool isBest);

    void Saved(long step, string path);
}
