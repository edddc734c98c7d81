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
    public int Choose(in TuningKey key, string[] candidates, Action<int> launch)
    {
        string name = key.ToString();
        int choice = file.Find(device, name) is { } known ? Array.IndexOf(candidates, known) : -1;
        if (choice < 0)
        {
            choice = Fastest(candidates.Length, launch);
            file.Keep(device, name, candidates[choice]);
        }
        _choices.Add(key, choice);
        return choice;
    }

    int Fastest(int count, Action<int> launch)
    {
        int best = 0;
        double least = double.PositiveInfinity;
        for (int i = 0; i < count; i++)
        {
            int candidate = i;
            double seconds = measure(() => launch(candidate));
            if (seconds < least) (best, least) = (i, seconds);
        }
        return best;
    }
}
