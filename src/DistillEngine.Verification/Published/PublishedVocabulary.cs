using DistillEngine.Core;
using DistillEngine.Data.Tokenization;

namespace DistillEngine.Verification;

/// <summary>T5's own vocabulary, and the reading of the old library version that the published runs were recorded with.</summary>
sealed class PublishedVocabulary
{
    /// <summary>Why a check without it was left out.</summary>
    public const string Missing = "needs T5's spiece.model, under tokenizers/ of a golden folder or beside the student";

    const string FileName = SentencePieceTokenizer.ModelFileName;
    const string KnownSha256 = "d60acb128cf7b7f2536e8f38a5b18a05535c9e14c7a355904270e15b0945ea86";

    readonly int _space;

    PublishedVocabulary(SentencePieceTokenizer tokenizer)
    {
        Tokenizer = tokenizer;
        _space = tokenizer.TryGetId("▁", out int id) ? id : throw new InvalidDataException($"{FileName}: has no piece '▁'.");
    }

    public SentencePieceTokenizer Tokenizer { get; }

    /// <summary>The file is known by its bytes, wherever it lies.</summary>
    public static PublishedVocabulary? Find(IEnumerable<GoldenFolder> folders)
    {
        foreach (GoldenFolder folder in folders)
        {
            foreach (string candidate in folder.Vocabularies)
            {
                string path = Path.Combine(candidate, FileName);
                if (File.Exists(path) && Sha256.HexOf(File.ReadAllBytes(path)) == KnownSha256)
                    return new(SentencePieceTokenizer.Load(path));
            }
        }
        return null;
    }

    /// <summary>The recorded ids of a text, <c>&lt;/s&gt;</c> included: unlike SentencePiece, the old library keeps one space at a text's
    /// end.</summary>
    /// <param name="limit">Most ids.</param>
    public int[] Encode(string text, int limit = int.MaxValue)
    {
        List<int> ids = [];
        Tokenizer.Encode(text, ids);
        if (EndsInSpace(text)) ids.Add(_space);
        if (ids.Count > limit - 1) ids.RemoveRange(limit - 1, ids.Count - limit + 1);
        ids.Add(Tokenizer.EosId);
        return [.. ids];
    }

    /// <summary>Recorded ids of a text as the engine's own encoding gives them: without the space at its end.</summary>
    public int[] WithoutFinalSpace(ReadOnlySpan<int> recorded, string text) =>
        EndsInSpace(text) && recorded.Length >= 2 && recorded[^2] == _space ? [.. recorded[..^2], recorded[^1]] : recorded.ToArray();

    static bool EndsInSpace(string text) => text.Length > 0 && char.IsWhiteSpace(text[^1]);
}
