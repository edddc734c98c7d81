using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Chooses among kernels whose results have the same bits: from the file where it knows the device and the class of shapes, else by measuring
/// each once. Within a run a choice stays; one that was made without some of the candidates, for want of memory to measure them in, is not kept
/// for later ones.
/// </summary>
/// <param name="device">Name, driver and capabilities: other ones are measured anew.</param>
/// <param name="measure">Seconds that a launch takes.</param>
sealed class Tuner(string device, TuningFile file, Func<Action, double> measure)
{
    readonly Dictionary<TuningKey, int> _choices = [];
    readonly HashSet<TuningKey> _said = [];

    /// <summary>The choice, where one was made in this run.</summary>
    public bool TryGet(in TuningKey key, out int choice) => _choices.TryGetValue(key, out choice);

    /// <summary>Makes the choice of a class.</summary>
    /// <param name="candidates">Names of the kernels; the first wins where others are no faster.</param>
    /// <param name="launch">Queues a candidate, on memory that it may spoil.</param>
    /// <param name="whyNot">Why a candidate other than the first must not be taken, or null: asked before it is measured, and reported. Throws
    /// where memory lacks to find out.</param>
    public int Choose(in TuningKey key, string[] candidates, Action<int> launch, Func<int, string?>? whyNot = null)
    {
        string name = key.ToString();
        int choice = file.Find(device, name) is { } known ? Array.IndexOf(candidates, known) : -1;
        if (choice < 0)
        {
            choice = Fastest(name, candidates, launch, whyNot, out bool isOfAll);
            if (isOfAll) file.Keep(device, name, candidates[choice]);
        }
        _choices.Add(key, choice);
        return choice;
    }

    /// <summary>Says that there is no memory to measure a class in now, and that the usual kernel serves until there is.</summary>
    /// <returns><paramref name="choice"/>, that of the usual kernel.</returns>
    public int Untuned(in TuningKey key, int choice)
    {
        Say(key, "there is no memory to measure its kernels in; the usual one serves until there is.");
        return choice;
    }

    /// <summary>Reports a line about a class, the first of a run alone: what lacks memory lacks it at every launch.</summary>
    public void Say(in TuningKey key, string line)
    {
        if (_said.Add(key)) file.Report($"{key}: {line}");
    }

    int Fastest(string name, string[] candidates, Action<int> launch, Func<int, string?>? whyNot, out bool isOfAll)
    {
        isOfAll = true;
        int best = 0;
        double least = double.PositiveInfinity;
        for (int i = 0; i < candidates.Length; i++)
        {
            try
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
            catch (Exception e) when (e is InsufficientMemoryException or DeviceException { IsLackOfMemory: true })
            {
                isOfAll = false;
                file.Report($"{name}: there is no memory to measure {candidates[i]} in; the choice among the others serves this run and is not kept.");
            }
        }
        return best;
    }
}
