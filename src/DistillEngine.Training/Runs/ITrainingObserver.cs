namespace DistillEngine.Training;

/// <summary>Is told how a run goes, on the run's own thread.</summary>
public interface ITrainingObserver
{
    /// <summary>Before any memory is taken.</summary>
    void Planned(TrainingPlan plan);

    /// <summary>A checkpoint was found and restored.</summary>
    void Resumed(long step);

    void Stepped(in StepReport report, double tokensPerSecond);

    void Evaluated(long step, EvaluationResult result, bool isBest);

    void Saved(long step, string path);
}
