namespace DistillEngine.Teacher.Runs;

/// <summary>What a journal says about the questions of a plan: which are answered, how often each was asked, what was spent.</summary>
public sealed class RunHistory(RunPlan plan)
{
    readonly HashSet<string> _answered = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _attempts = new(StringComparer.Ordinal);

    /// <summary>Of all attempts in the journal, those at questions of other plans included: they were paid for too.</summary>
    public Spending Spent { get; private set; }

    public int Answered => _answered.Count;

    /// <summary>Answers, to whichever question.</summary>
    public long Answers { get; private set; }

    /// <summary>Attempts that brought at least one answer.</summary>
    public long Replies { get; private set; }

    public void Add(JournalEntry entry)
    {
        bool isPlanned = plan.TryFind(entry.Key, out int promptTokens);
        Spent += Spending.Of(entry, promptTokens);
        if (entry.IsAnswer) Answers++;
        if (entry.IsAnswer && entry.Choice == 0) Replies++;
        if (!isPlanned) return;
        if (entry.IsAnswer) _answered.Add(entry.Key);
        _attempts[entry.Key] = Math.Max(entry.Attempt, _attempts.GetValueOrDefault(entry.Key));
    }

    public bool IsAnswered(string key) => _answered.Contains(key);

    /// <summary>Number of the last attempt at a question; 0 where there was none.</summary>
    public int Attempts(string key) => _attempts.GetValueOrDefault(key);
}
