namespace DistillEngine.Data.Tasks;

/// <summary>Which labels there are (<c>labels</c>).</summary>
public sealed record LabelOptions
{
    /// <summary>List variable that holds a row's possible labels (multiple choice), or null.</summary>
    public string? From { get; init; }

    /// <summary>The closed set of labels in the order of their numbers (classification), or null.</summary>
    public IReadOnlyList<string>? Set { get; init; }

    /// <summary>Other spellings → label.</summary>
    public IReadOnlyDictionary<string, string> Synonyms { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<LabelNormalization> Normalize { get; init; } = [];
}
