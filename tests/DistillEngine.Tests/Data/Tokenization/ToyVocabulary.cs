using DistillEngine.Data.Tokenization;

namespace DistillEngine.Tests.Data.Tokenization;

/// <summary>A vocabulary small enough to read, with a piece of each type but bytes.</summary>
static class ToyVocabulary
{
    public static readonly SentencePiece[] Pieces =
    [
        new("<pad>", 0, PieceType.Control), new("</s>", 0, PieceType.Control), new("<unk>", 0, PieceType.Unknown),
        new("▁", -2), new("a", -3), new("b", -3.5f), new("ab", -4), new("▁a", -4.25f), new("▁ab", -4.5f), new("ba", -5), new("c", -6),
        new("<sep>", 0, PieceType.UserDefined), new("zz", -1, PieceType.Unused), new("é", -6.5f), new("z", -7),
    ];

    public static readonly SentencePieceModel Model = new() { Pieces = Pieces };

    public static readonly SentencePieceModel SuffixModel = Model with
    {
        Normalizer = new() { AddDummyPrefix = false, RemoveExtraWhitespaces = false, TreatWhitespaceAsSuffix = true },
        UnknownSurface = "?",
    };

    /// <summary>The toy with all 256 byte pieces behind it: byte b has id 15 + b.</summary>
    public static readonly SentencePieceModel ByteModel = Model with
    {
        Pieces = [.. Pieces, .. Enumerable.Range(0, 256).Select(static b => new SentencePiece($"<0x{b:X2}>", -9, PieceType.Byte))],
        ByteFallback = true,
    };
}
