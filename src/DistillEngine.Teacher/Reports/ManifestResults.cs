using DistillEngine.Teacher.Answers;

namespace DistillEngine.Teacher.Reports;

/// <summary>What came of a run; also what <c>status --json</c> shows.</summary>
public sealed record ManifestResults
{
    public required int Rows { get; init; }

    /// <summary>Rows that were not asked yet.</summary>
    public required int Pending { get; init; }

    public required int Answered { get; init; }

    /// <summary>Answered rows of which no answer was accepted.</summary>
    public required int Failed { get; init; }

    public required int Attempts { get; init; }

    public required IReadOnlyDictionary<string, int> Statuses { get; init; }

    public required IReadOnlyDictionary<string, int> Parse { get; init; }

    public required IReadOnlyDictionary<string, int> Flags { get; init; }

    public required IReadOnlyDictionary<string, int> Errors { get; init; }

    /// <summary>Attempts whose use the server did not count, so that it is estimated.</summary>
    public int EstimatedAttempts { get; init; }

    public long? InputTokens { get; init; }

    public long? OutputTokens { get; init; }

    public long? CachedTokens { get; init; }

    public double? SpentUsd { get; init; }

    public required int GoldRows { get; init; }

    /// <summary>Over all answered rows with a gold label, 0 to 1.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Bounds of the 95 % interval of <see cref="Accuracy"/>.</summary>
    public IReadOnlyList<double>? AccuracyInterval { get; init; }

    /// <summary>Over the accepted rows with a gold label, 0 to 1.</summary>
    public double? AcceptedAccuracy { get; init; }

    /// <summary>SHA-256 of the files made, by name.</summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <param name="folder">The run's folder, whose files are hashed; null for none.</param>
    public static ManifestResults Of(AnswerReport report, string? folder = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        var files = new Dictionary<string, string>();
        foreach (string name in folder is null ? [] : (string[])[AnswerFiles.RationalesName, AnswerFiles.RejectsName])
        {
            string path = Path.Combine(folder!, name);
            if (File.Exists(path)) files[name] = ManifestInput.HashOf(path);
        }
        return new()
        {
            Rows = report.Rows,
            Pending = report.Pending,
            Answered = report.Answered,
            Failed = report.Failed,
            Attempts = report.Attempts,
            Statuses = Ordered(report.Statuses),
            Parse = Ordered(report.ParseCodes),
            Flags = Ordered(report.Flags),
            Errors = Ordered(report.Errors),
            EstimatedAttempts = report.EstimatedAttempts,
            InputTokens = report.InputTokens,
            OutputTokens = report.OutputTokens,
            CachedTokens = report.CachedTokens,
            SpentUsd = report.Dollars,
            GoldRows = report.GoldRows,
            Accuracy = report.Accuracy?.Value,
            AccuracyInterval = report.Accuracy is { } accuracy ? [accuracy.Low, accuracy.High] : null,
            AcceptedAccuracy = report.AcceptedAccuracy?.Value,
            Files = files,
        };
    }

    static Dictionary<string, int> Ordered(IReadOnlyList<KeyValuePair<string, int>> counts) => new(counts);
}
