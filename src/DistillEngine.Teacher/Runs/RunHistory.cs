namespace DistillEngine.Teacher.Runs;

/// <summary>What a journal says about the questions of a plan: which are answered, how often each was asked, what was spent.</summary>
public sealed class RunHistory(RunPlan plan)
{
    readonly HashSet<string> _answered = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _attempts = new(StringComparer.Ordinal);
    readonly HashSet<(string Key, string? RequestId, string? Error)> _failures = [];

    /// <summary>Of all attempts in the journal, those at questions of other plans included: they were paid for too.</summary>
    public Spending Spent { get; private set; }

    public int Answered => _answered.Count;

    /// <summary>Answers, to whichever question.</summary>
    public long Answers { get; private set; }

    /// <summary>Most tokens that the server counted for an estimated one of a prompt, at least 1.</summary>
    public double PromptRatio { get; private set; } = 1;

    public void Add(JournalEntry entry)
    {
        bool isPlanned = plan.TryFind(entry.Key, out int promptTokens);
        Spent += Spending.Of(entry);
        if (entry.IsAnswer) Answers++;
        if (!isPlanned) return;
        if (entry.Choice == 0 && entry.Usage?.Input is { } counted) PromptRatio = Math.Max(PromptRatio, (double)counted / Math.Max(1, promptTokens));
        if (entry.IsAnswer) _answered.Add(entry.Key);
        else _failures.Add((entry.Key, entry.RequestId, entry.Error));
        _attempts[entry.Key] = Math.Max(entry.Attempt, _attempts.GetValueOrDefault(entry.Key));
    }

    /// <summary>Whether the same failure of a request is in the journal already.</summary>
    public bool IsKnown(JournalEntry failure) => _failures.Contains((failure.Key, failure.RequestId, failure.Error));

    public bool IsAnswered(string key) => _answered.Contains(key);

    /// <summary>Number of the last attempt at a question; 0 where there was none.</summary>
    public int Attempts(string key) => _attempts.GetValueOrDefault(key);
}
