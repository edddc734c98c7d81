namespace DistillEngine.Data.Tasks;

/// <summary>Where the original rows lie and what their columns are called (<c>data</c>).</summary>
public sealed record DataOptions
{
    /// <summary>Format of the files; <c>jsonl</c> is the one there is.</summary>
    public string Format { get; init; } = "jsonl";

    /// <summary>File name per split (train, valid, test).</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>Column that identifies a row, or null: then its number in the file does.</summary>
    public string? Id { get; init; }

    /// <summary>Template variable → column.</summary>
    public required IReadOnlyDictionary<string, string> Fields { get; init; }

    /// <summary>Share of the train rows held out where there is no validation file, 0 to below 1.</summary>
    public double ValidFraction { get; init; }

    public int ValidSeed { get; init; }
}
