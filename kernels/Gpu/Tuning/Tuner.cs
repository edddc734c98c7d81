namespace DistillEngine.Kernels;

/// <summary>
/// Chooses among kernels whose results have the same bits: from the file where it knows the device and the class of shapes, else by measuring
/// each once. Within a run a choice stays.
/// </summary>
/// <param name="device">Name, driver and capabilities: other ones are measured anew.</param>
/// <param name="measure">Seconds that a launch takes.</param>
sealed class Tuner(string device, TuningFile file, Func<Action, double> measure)
{
    readonly Dictionary<TuningKey, int> _choices = [];

    /// <summary>The choice, where one was made in this run.</summary>
    public bool TryGet(in TuningKey key, out int choice) => _choices.TryGetValue(key, out choice);

    /// <summary>Makes the choice of a class.</summary>
    /// <param name="candidates">Names of the kernels; the first wins where others are no faster.</param>
    /// <param name="launch">Queues a candidate, on memory that it may spoil.</param>
    /// <param name="whyNot">Why a candidate other than the first must not be taken, or null: asked before it is measured, and reported.</param>
    public int Choose(in TuningKey key, string[] candidates, Action<int> launch, Func<int, string?>? whyNot = null)
    {
        string name = key.ToString();
        int choice = file.Find(device, name) is { } known ? Array.IndexOf(candidates, known) : -1;
        if (choice < 0)
        {
            choice = Fastest(name, candidates, launch, whyNot);
            file.Keep(device, name, candidates[choice]);
        }
        _choices.Add(key, choice);
        return choice;
    }

    int Fastest(string name, string[] candidates, Action<int> launch, Func<int, string?>? whyNot)
    {
        int best = 0;
        double least = double.PositiveInfinity;
        for (int i = 0; i < candidates.Length; i++)
        {
            if (i > 0 && whyNot?.Invoke(i) is { } why)
            {
                file.Report($"{name}: {candidates[i]} is left out on this device: {why}.");
                continue;
            }
            int candidate = i;
            double seconds = measure(() => launch(candidate));
            if (seconds < least) (best, least) = (i, seconds);
        }
        return best;
    }
}
