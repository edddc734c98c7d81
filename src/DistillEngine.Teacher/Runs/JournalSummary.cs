namespace DistillEngine.Teacher.Runs;

/// <summary>What a journal tells by itself, without the run's rows.</summary>
/// <param name="Answered">Different questions with an answer.</param>
/// <param name="Estimated">Attempts whose use the server did not count.</param>
/// <param name="Errors">Failed attempts by kind.</param>
public sealed record JournalSummary(int Answered, Spending Spent, int Estimated, IReadOnlyDictionary<string, int> Errors)
{
    /// <summary>Reads the journal of a folder; one that is not there is empty. A torn last line is passed over: the run may be writing it.</summary>
    /// <exception cref="InvalidDataException">The journal is damaged elsewhere.</exception>
    public static JournalSummary Of(string folder)
    {
        var answered = new HashSet<string>(StringComparer.Ordinal);
        var errors = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var spent = new Spending();
        int estimated = 0;
        string path = Path.Combine(folder, JournalReader.FileName);
        foreach (JournalEntry entry in File.Exists(path) ? JournalReader.Read(path) : [])
        {
            spent += Spending.Of(entry);
            if (entry is { Choice: 0, Estimated: not null }) estimated++;
            if (entry.IsAnswer) answered.Add(entry.Key);
            else if (entry.ErrorKind is { } kind) errors[kind] = errors.GetValueOrDefault(kind) + 1;
        }
        return new(answered.Count, spent, estimated, errors);
    }
}
