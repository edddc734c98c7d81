namespace DistillEngine.Teacher.Runs;

/// <summary>What attempts have used.</summary>
public readonly record struct Spending(long Requests, long InputTokens, long OutputTokens)
{
    public long Tokens => InputTokens + OutputTokens;

    public static Spending operator +(Spending a, Spending b) => new(a.Requests + b.Requests, a.InputTokens + b.InputTokens, a.OutputTokens + b.OutputTokens);

    /// <summary>
    /// What one attempt used, or one further answer of it, which makes no request and reads no prompt of its own: the server's counts where it gives
    /// them, else estimates. An attempt that brought no answer and no counts is taken to have cost nothing, unless its status was 200: then an answer
    /// was made and paid, and got lost.
    /// </summary>
    /// <param name="promptTokens">The prompt's estimate.</param>
    public static Spending Of(JournalEntry entry, long promptTokens)
    {
        ArgumentNullException.ThrowIfNull(entry);
        bool isPaid = entry.Status == 200;
        long output = isPaid ? Prompts.TokenEstimate.Of(entry.Text) + Prompts.TokenEstimate.Of(entry.Reasoning) : 0;
        bool isFirst = entry.Choice == 0;
        return new(isFirst ? 1 : 0, entry.Usage?.Input ?? (isPaid && isFirst ? promptTokens : 0), entry.Usage?.Output ?? output);
    }
}
