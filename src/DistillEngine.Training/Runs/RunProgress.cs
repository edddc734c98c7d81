using DistillEngine.Data.Batching;

namespace DistillEngine.Training;

/// <summary>The part of a run's state that is neither weights nor data: what it was started with and its best evaluation.</summary>
sealed class RunProgress(SortedDictionary<string, string> settings, string device)
{
    int _evaluationsSinceBest;

    public SortedDictionary<string, string> Settings { get; } = settings;

    public double? BestAccuracy { get; private set; }

    public long BestStep { get; private set; }

    /// <summary>Whether the last <paramref name="patience"/> evaluations brought nothing better.</summary>
    public bool IsExhausted(int patience) => patience > 0 && _evaluationsSinceBest >= patience;

    /// <returns>Whether this is the best so far; the first to reach an accuracy stays the best.</returns>
    public bool Record(long step, double accuracy)
    {
        if (BestAccuracy is { } best && accuracy <= best)
        {
            _evaluationsSinceBest++;
            return false;
        }
        (BestAccuracy, BestStep, _evaluationsSinceBest) = (accuracy, step, 0);
        return true;
    }

    public RunState StateAt(long step, DataPosition position, long optimizerStep, int skippedInARow) => new()
    {
        Step = step, Epoch = position.Epoch, Row = position.Row, OptimizerStep = optimizerStep, SkippedInARow = skippedInARow, Device = device,
        Settings = Settings,
        BestAccuracy = BestAccuracy, BestStep = BestStep, EvaluationsSinceBest = _evaluationsSinceBest,
    };

    /// <exception cref="InvalidDataException">The checkpoint belongs to a run with other settings.</exception>
    public void Restore(RunState state, string path)
    {
        string[] differences = [.. Settings.Keys.Union(state.Settings.Keys).Where(k => Of(Settings, k) != Of(state.Settings, k))
            .Select(k => $"{k} was {Of(state.Settings, k)}, is {Of(Settings, k)}")];
        if (differences.Length > 0)
            throw new InvalidDataException($"{path}: belongs to a run with other settings: {string.Join("; ", differences)}. "
                + "Resume with the same options, or give another --output.");
        (BestAccuracy, BestStep, _evaluationsSinceBest) = (state.BestAccuracy, state.BestStep, state.EvaluationsSinceBest);
    }

    static string Of(SortedDictionary<string, string> settings, string key) => settings.GetValueOrDefault(key, "absent");
}
