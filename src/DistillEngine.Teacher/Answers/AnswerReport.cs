using DistillEngine.Data.Metrics;
using DistillEngine.Data.Rationales;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>What became of a run's rows.</summary>
public sealed record AnswerReport
{
    /// <summary>Rows of the input.</summary>
    public required int Rows { get; init; }

    /// <summary>Rows that were not asked yet.</summary>
    public required int Pending { get; init; }

    /// <summary>Rows with at least one answer.</summary>
    public required int Answered { get; init; }

    /// <summary>Answered rows of which no answer was accepted.</summary>
    public required int Failed { get; init; }

    /// <summary>Rows by status, as named in files, the most frequent first.</summary>
    public required IReadOnlyList<KeyValuePair<string, int>> Statuses { get; init; }

    /// <summary>Answers (a row may have several) by parse code, the most frequent first.</summary>
    public required IReadOnlyList<KeyValuePair<string, int>> ParseCodes { get; init; }

    /// <summary>Rows by flag, the most frequent first.</summary>
    public required IReadOnlyList<KeyValuePair<string, int>> Flags { get; init; }

    /// <summary>Attempts in the journal.</summary>
    public required int Attempts { get; init; }

    /// <summary>Attempts without an answer, by kind of error, the most frequent first.</summary>
    public required IReadOnlyList<KeyValuePair<string, int>> Errors { get; init; }

    /// <summary>Attempts whose use the server did not count, so that it is estimated.</summary>
    public required int EstimatedAttempts { get; init; }

    /// <summary>Tokens read in all attempts; null where none is known to have read any.</summary>
    public required long? InputTokens { get; init; }

    /// <summary>Tokens written in all attempts.</summary>
    public required long? OutputTokens { get; init; }

    /// <summary>Tokens of the prompts that came from the server's cache.</summary>
    public required long? CachedTokens { get; init; }

    /// <summary>US dollars of all attempts; null without prices or counts.</summary>
    public required double? Dollars { get; init; }

    /// <summary>Answered rows with a gold label.</summary>
    public required int GoldRows { get; init; }

    /// <summary>Rows of these with an accepted answer.</summary>
    public required int AcceptedGoldRows { get; init; }

    /// <summary>Accepted rows whose teacher's label is right by the task's metric.</summary>
    public required int Correct { get; init; }

    /// <summary>Share of failed rows above which a run stops, 0 to 1.</summary>
    public required double AbortIfFailedOver { get; init; }

    /// <summary>Answered rows from which on that share counts.</summary>
    public required int AbortAfter { get; init; }

    /// <summary>Share of answered rows that failed, 0 to 1.</summary>
    public double FailedShare => Answered == 0 ? 0 : (double)Failed / Answered;

    /// <summary>Whether so many rows failed that the prompt or the parsing rules must be wrong.</summary>
    public bool TooManyFailed => FailureWatch.IsTooMany(Failed, Answered, AbortIfFailedOver, AbortAfter);

    /// <summary>Teacher's accuracy over all answered rows with a gold label, a failed one counting as wrong; null without such rows.</summary>
    public Proportion? Accuracy => GoldRows == 0 ? null : Proportion.Wilson(Correct, GoldRows);

    /// <summary>Teacher's accuracy over the accepted rows with a gold label; null without such rows.</summary>
    public Proportion? AcceptedAccuracy => AcceptedGoldRows == 0 ? null : Proportion.Wilson(Correct, AcceptedGoldRows);

    internal static AnswerReport Of(int rows, IReadOnlyList<AssembledRow> assembled, AnswerBook book, AnswerSettings settings)
    {
        Dictionary<string, int> statuses = [], codes = [], flags = [];
        int answered = 0, failed = 0, gold = 0, acceptedGold = 0, correct = 0;
        foreach (var (row, code, samples, isCorrect) in assembled)
        {
            Add(statuses, RationaleWriter.NameOf(row.Status));
            foreach (string flag in row.Flags) Add(flags, flag);
            foreach (var sample in samples) Add(codes, Replies.ParseCodes.NameOf(sample));
            if (code is null) continue;
            answered++;
            if (code != ParseCode.Ok) failed++;
            if (row.Label is null) continue;
            gold++;
            if (code != ParseCode.Ok) continue;
            acceptedGold++;
            if (isCorrect == true) correct++;
        }
        return new()
        {
            Rows = rows,
            Pending = rows - assembled.Count,
            Answered = answered,
            Failed = failed,
            Statuses = Sorted(statuses),
            ParseCodes = Sorted(codes),
            Flags = Sorted(flags),
            Attempts = book.Attempts,
            Errors = Sorted(book.ErrorKinds),
            EstimatedAttempts = book.EstimatedAttempts,
            InputTokens = book.InputTokens,
            OutputTokens = book.OutputTokens,
            CachedTokens = book.CachedTokens,
            Dollars = settings.Cost is { } cost && book is { InputTokens: { } input, OutputTokens: { } output } ? cost(input, output) : null,
            GoldRows = gold,
            AcceptedGoldRows = acceptedGold,
            Correct = correct,
            AbortIfFailedOver = settings.Task.Parse.AbortIfFailedOver,
            AbortAfter = settings.Task.Parse.AbortAfter,
        };
    }

    static void Add(Dictionary<string, int> counts, string key) => counts[key] = counts.GetValueOrDefault(key) + 1;

    static List<KeyValuePair<string, int>> Sorted(IReadOnlyDictionary<string, int> counts) =>
        [.. counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal)];
}
