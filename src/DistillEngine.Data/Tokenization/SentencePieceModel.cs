using System.Globalization;
using System.Text;

namespace DistillEngine.Data.Tokenization;

/// <summary>All that a <c>spiece.model</c> says about splitting a text: the pieces and how to normalize. Unigram models only.</summary>
public sealed record SentencePieceModel
{
    /// <summary>Longest piece in UTF-8 bytes that SentencePiece accepts.</summary>
    public const int MaxPieceBytes = 7_999;

    /// <summary>The pieces, by id.</summary>
    public required IReadOnlyList<SentencePiece> Pieces { get; init; }

    /// <summary>Applied to every text before it is split.</summary>
    public NormalizerSettings Normalizer { get; init; } = new();

    /// <summary>Applied to every decoded text, or null.</summary>
    public NormalizerSettings? Denormalizer { get; init; }

    /// <summary>Spells unknown characters as byte pieces; the vocabulary then holds all 256.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>What an unknown piece decodes to.</summary>
    public string UnknownSurface { get; init; } = " \u2047 ";

    /// <summary>Spelling of the padding piece.</summary>
    public string PadPiece { get; init; } = "<pad>";

    /// <summary>Spelling of the piece that closes a sequence.</summary>
    public string EosPiece { get; init; } = "</s>";

    /// <summary>The byte that <paramref name="text"/> (<c>&lt;0x0A&gt;</c>) names, or −1.</summary>
    internal static int ByteOf(string text) =>
        text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
        && char.IsAsciiHexDigitUpper(text[3]) && char.IsAsciiHexDigitUpper(text[4])
            ? byte.Parse(text.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : -1;

    /// <summary>The first rule of SentencePiece that the model breaks: the piece (−1 = the model as a whole) and what is wrong; null = none.</summary>
    internal (int Piece, string Message)? FindFault()
    {
        var ordinary = new HashSet<string>(Pieces.Count, StringComparer.Ordinal);
        var reserved = new HashSet<string>(StringComparer.Ordinal);
        Span<bool> bytes = stackalloc bool[256];
        bytes.Clear();
        var unknown = -1;
        var searchable = 0;
        for (var id = 0; id < Pieces.Count; id++)
        {
            var (text, score, type) = Pieces[id];
            if (FindFault(text, score) is { } message)
                return (id, message);
            switch (type)
            {
                case PieceType.Normal or PieceType.UserDefined:
                    searchable++;
                    break;
                case PieceType.Unused or PieceType.Control:
                    break;
                case PieceType.Unknown when unknown >= 0:
                    return (id, $"is a second unknown piece; piece {unknown} is the first, and a vocabulary has exactly one");
                case PieceType.Unknown:
                    unknown = id;
                    break;
                case PieceType.Byte when !ByteFallback:
                    return (id, "is a byte piece, but byte_fallback is false");
                case PieceType.Byte when ByteOf(text) is >= 0 and var value:
                    bytes[value] = true;
                    break;
                case PieceType.Byte:
                    return (id, $"'{text}' is typed as a byte but not spelled <0x00> to <0xFF>");
                default:
                    return (id, $"has type {(int)type}, expected 1 (normal) to 6 (byte)");
            }

            if (!(type is PieceType.Normal or PieceType.UserDefined or PieceType.Unused ? ordinary : reserved).Add(text))
                return (id, $"'{text}' is already defined; a piece occurs once");
        }

        if (unknown < 0)
            return (-1, "no piece has the type unknown; a vocabulary needs one (T5: '<unk>', id 2)");
        if (searchable == 0)
            return (-1, "no piece is normal or user-defined, so no text could be split");
        if (ByteFallback && bytes.Contains(false))
            return (-1, $"byte_fallback is true, but the byte piece <0x{bytes.IndexOf(false):X2}> is missing; all 256 are needed");
        return null;
    }

    static string? FindFault(string text, float score)
    {
        if (text.Length == 0)
            return "is empty";
        if (text.Contains('\0'))
            return "holds a NUL character";
        if (Encoding.UTF8.GetByteCount(text) > MaxPieceBytes)
            return $"is longer than {MaxPieceBytes} bytes";
        return float.IsFinite(score) ? null : $"'{text}' has the score {score}, expected a finite number";
    }
}
