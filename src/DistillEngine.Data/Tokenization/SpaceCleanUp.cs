namespace DistillEngine.Data.Tokenization;

/// <summary>The clean-up of spaces around punctuation that the published evaluation applies to predictions and labels alike.</summary>
/// <remarks>Source: huggingface/transformers 4.24, <c>PreTrainedTokenizerBase.clean_up_tokenization</c>; the order matters.</remarks>
public static class SpaceCleanUp
{
    static readonly (string From, string To)[] Replacements =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"),
        (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    /// <summary>The text without the spaces that a tokenizer of words would have put before punctuation and English contractions.</summary>
    public static string Apply(string text)
    {
        foreach (var (from, to) in Replacements)
            text = text.Replace(from, to, StringComparison.Ordinal);
        return text;
    }
}
