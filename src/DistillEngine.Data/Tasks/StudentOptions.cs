namespace DistillEngine.Data.Tasks;

/// <summary>What the student reads and writes (<c>student</c>).</summary>
public sealed record StudentOptions
{
    /// <summary>The input without prefix, as stored in rationale files.</summary>
    public required Template Input { get; init; }

    public required Template Label { get; init; }

    public string LabelPrefix { get; init; } = "predict: ";

    public string RationalePrefix { get; init; } = "explain: ";

    /// <summary>Parts of the input that the encoder joins by the <c>&lt;/s&gt;</c> id; null: the input is one text.</summary>
    public IReadOnlyList<Template>? Segments { get; init; }

    /// <summary>Cap of a source in tokens, <c>&lt;/s&gt;</c> included.</summary>
    public int MaxInputTokens { get; init; } = 1024;

    /// <summary>Cap of a label in tokens, <c>&lt;/s&gt;</c> included.</summary>
    public int MaxLabelTokens { get; init; } = 256;

    /// <summary>Cap of a rationale in tokens, <c>&lt;/s&gt;</c> included.</summary>
    public int MaxRationaleTokens { get; init; } = 256;
}
