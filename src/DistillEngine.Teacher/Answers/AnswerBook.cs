namespace DistillEngine.Teacher.Answers;

/// <summary>The answers of a journal, by row and sample, and what else its lines tell.</summary>
public sealed class AnswerBook
{
    readonly Dictionary<(string Id, int Sample), JournalEntry> _answers = [];
    readonly Dictionary<string, JournalEntry> _answerOfKey = new(StringComparer.Ordinal);
    readonly Dictionary<(string Id, int Sample), JournalEntry> _errors = [];
    readonly Dictionary<string, JournalEntry> _errorOfKey = new(StringComparer.Ordinal);
    readonly HashSet<string> _unclaimed = new(StringComparer.Ordinal);
    readonly SortedDictionary<string, int> _errorKinds = new(StringComparer.Ordinal);

    /// <param name="journal">The entries, in the journal's order.</param>
    public AnswerBook(IEnumerable<JournalEntry> journal)
    {
        ArgumentNullException.ThrowIfNull(journal);
        foreach (var entry in journal) Add(entry);
    }

    /// <summary>Attempts that were made.</summary>
    public int Attempts { get; private set; }

    /// <summary>Time of the first attempt, or null.</summary>
    public DateTimeOffset? First { get; private set; }

    /// <summary>Time of the last attempt, or null.</summary>
    public DateTimeOffset? Last { get; private set; }

    /// <summary>Attempts whose use the server did not count, so that it is estimated.</summary>
    public int EstimatedAttempts { get; private set; }

    /// <summary>Tokens read in all attempts; null where none is known to have read any.</summary>
    public long? InputTokens { get; private set; }

    /// <summary>Tokens written in all attempts.</summary>
    public long? OutputTokens { get; private set; }

    /// <summary>Tokens of all prompts that came from the server's cache.</summary>
    public long? CachedTokens { get; private set; }

    /// <summary>Attempts without an answer, by kind of error.</summary>
    public IReadOnlyDictionary<string, int> ErrorKinds => _errorKinds;

    /// <summary>Requests with an answer.</summary>
    public int Answered => _answerOfKey.Count;

    /// <summary>Answered requests whose answer was not taken by <see cref="Answer(string)"/>.</summary>
    public int Unclaimed => _unclaimed.Count;

    /// <summary>The answer to a request: the first, where a broken run was given two.</summary>
    public JournalEntry? Answer(string key)
    {
        _unclaimed.Remove(key);
        return _answerOfKey.GetValueOrDefault(key);
    }

    /// <summary>The answer of a row's sample, for journals whose requests cannot be made again: where the same request was answered twice,
    /// the first; where the row was asked again in another way, the last.</summary>
    public JournalEntry? Answer(string id, int sample) => _answers.GetValueOrDefault((id, sample));

    /// <summary>The last failed attempt at a request.</summary>
    public JournalEntry? Error(string key) => _errorOfKey.GetValueOrDefault(key);

    /// <summary>The last failed attempt at a row's sample.</summary>
    public JournalEntry? Error(string id, int sample) => _errors.GetValueOrDefault((id, sample));

    void Add(JournalEntry entry)
    {
        if (entry.Choice == 0) Attempts++;
        if (First is null || entry.Time < First) First = entry.Time;
        if (Last is null || entry.Time > Last) Last = entry.Time;
        if (entry is { Choice: 0, Estimated: not null }) EstimatedAttempts++;
        InputTokens = Sum(InputTokens, entry.Usage?.Input ?? entry.Estimated?.Input);
        OutputTokens = Sum(OutputTokens, entry.Usage?.Output ?? entry.Estimated?.Output);
        CachedTokens = Sum(CachedTokens, entry.Usage?.Cached);
        var place = (entry.Id, entry.Sample);
        if (!entry.IsAnswer)
        {
            _errors[place] = entry;
            _errorOfKey[entry.Key] = entry;
            string kind = entry.ErrorKind ?? "unknown";
            _errorKinds[kind] = _errorKinds.GetValueOrDefault(kind) + 1;
            return;
        }
        if (_answerOfKey.TryAdd(entry.Key, entry)) _unclaimed.Add(entry.Key);
        if (!_answers.TryGetValue(place, out var held) || held.Key != entry.Key) _answers[place] = entry;
    }

    static long? Sum(long? sum, long? more) => more is null ? sum : (sum ?? 0) + more;
}
