namespace DistillEngine.Teacher.Runs;

/// <summary>What attempts have used.</summary>
public readonly record struct Spending(long Requests, long InputTokens, long OutputTokens)
{
    public long Tokens => InputTokens + OutputTokens;

    public static Spending operator +(Spending a, Spending b) => new(a.Requests + b.Requests, a.InputTokens + b.InputTokens, a.OutputTokens + b.OutputTokens);

    /// <summary>
    /// What one attempt used, or one further answer of it, which makes no request and reads no prompt of its own: the server's counts where it gives
    /// them, else the journal's estimates.
    /// </summary>
    public static Spending Of(JournalEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return new(entry.Choice == 0 ? 1 : 0, entry.Usage?.Input ?? entry.Estimated?.Input ?? 0, entry.Usage?.Output ?? entry.Estimated?.Output ?? 0);
    }
}
