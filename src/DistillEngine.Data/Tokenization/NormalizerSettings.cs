namespace DistillEngine.Data.Tokenization;

/// <summary>How a text is rewritten before it is split; <c>NormalizerSpec</c> of <c>sentencepiece_model.proto</c>.</summary>
public sealed record NormalizerSettings
{
    /// <summary>Name of the rule set: <c>identity</c> when <see cref="CharacterMap"/> is empty, <c>nmt_nfkc</c> for T5.</summary>
    public string Name { get; init; } = "identity";

    /// <summary>The precompiled character map: a double-array trie and the strings it points to. Empty = characters stay as they are.</summary>
    public ReadOnlyMemory<byte> CharacterMap { get; init; }

    /// <summary>Puts a space before the text (behind it, where whitespace is a suffix), so that a word has one spelling everywhere.</summary>
    public bool AddDummyPrefix { get; init; } = true;

    /// <summary>Removes spaces at both ends and makes one of each run.</summary>
    public bool RemoveExtraWhitespaces { get; init; } = true;

    /// <summary>Writes a space as U+2581.</summary>
    public bool EscapeWhitespaces { get; init; } = true;

    /// <summary>Spaces belong to the word before them; kept in the trainer's settings of the file.</summary>
    public bool TreatWhitespaceAsSuffix { get; init; }
}
