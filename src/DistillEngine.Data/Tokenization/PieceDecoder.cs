using System.Buffers;
using System.Text;

namespace DistillEngine.Data.Tokenization;

/// <summary>Ids back to text, as SentencePiece does it and as the fast tokenizers of Hugging Face do.</summary>
/// <remarks>Source: google/sentencepiece, <c>sentencepiece_processor.cc</c>, <c>Decode</c>; for the other reading, the Metaspace decoder of
/// huggingface/tokenizers.</remarks>
sealed class PieceDecoder
{
    readonly byte[][] _texts;
    readonly PieceType[] _types;
    readonly byte[] _unknownSurface;
    readonly bool _stripsLeadingSpace;
    readonly bool _stripsAllLeadingSpaces;
    readonly bool _addsDummyPrefix;
    readonly SpecialTokens _special;
    readonly SentencePieceNormalizer? _denormalizer;

    public PieceDecoder(SentencePieceModel model, SpecialTokens special, SentencePieceNormalizer? denormalizer)
    {
        (_special, _denormalizer) = (special, denormalizer);
        _types = [.. model.Pieces.Select(static piece => piece.Type)];
        _texts = [.. model.Pieces.Select(static piece =>
            piece.Type == PieceType.Byte ? [(byte)SentencePieceModel.ByteOf(piece.Text)] : Encoding.UTF8.GetBytes(piece.Text))];
        _unknownSurface = Encoding.UTF8.GetBytes(model.UnknownSurface);
        _addsDummyPrefix = model.Normalizer.AddDummyPrefix;
        _stripsAllLeadingSpaces = model.Normalizer.RemoveExtraWhitespaces;
        _stripsLeadingSpace = _addsDummyPrefix || _stripsAllLeadingSpaces;
    }

    /// <summary>SentencePiece's reading; sentinels above the pieces, which it does not know, are spelled out.</summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var text = new ByteBuffer();
        var bytes = new ByteBuffer();
        var (atStart, strippedSpace) = (true, false);
        foreach (var id in ids)
        {
            if (IsByte(id))
            {
                bytes.Append(_texts[id]);
                continue;
            }

            FlushBytes(bytes, text);
            atStart &= !strippedSpace && text.Count == 0;
            strippedSpace = false;
            if (id >= _types.Length)
            {
                AppendSpecial(id, text);
                continue;
            }

            switch (_types[id])
            {
                case PieceType.Control:
                    break;
                case PieceType.Unknown:
                    text.Append(_unknownSurface);
                    break;
                default:
                    var piece = _texts[id].AsSpan();
                    if (atStart && _stripsLeadingSpace && piece.StartsWith("▁"u8))
                    {
                        piece = piece["▁"u8.Length..];
                        strippedSpace = !_stripsAllLeadingSpaces;
                    }

                    AppendPiece(piece, keepSpaces: true, text);
                    break;
            }
        }

        FlushBytes(bytes, text);
        if (_denormalizer is null)
            return Encoding.UTF8.GetString(text.Written);
        var rewritten = new ByteBuffer();
        _denormalizer.Normalize(text.Written, rewritten);
        return Encoding.UTF8.GetString(rewritten.Written);
    }

    /// <summary>The reading of Hugging Face's fast tokenizers: special tokens are left out or spelled, and only the first token loses its space.</summary>
    public string DecodeTokens(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        var text = new ByteBuffer();
        var bytes = new ByteBuffer();
        var isFirst = true;
        foreach (var id in ids)
        {
            var isSpecial = _special.Contains(id);
            if (isSpecial && skipSpecialTokens)
                continue;
            if (IsByte(id))
            {
                bytes.Append(_texts[id]);
            }
            else
            {
                FlushBytes(bytes, text);
                if (isSpecial)
                    AppendSpecial(id, text);
                else
                    AppendPiece(_texts[id], keepSpaces: !(isFirst && _addsDummyPrefix), text);
            }

            isFirst = false;
        }

        FlushBytes(bytes, text);
        return Encoding.UTF8.GetString(text.Written);
    }

    bool IsByte(int id) => id < _types.Length && _types[id] == PieceType.Byte;

    void AppendSpecial(int id, ByteBuffer text) => text.Append(Encoding.UTF8.GetBytes(_special.TextOf(id)!));

    static void AppendPiece(ReadOnlySpan<byte> piece, bool keepSpaces, ByteBuffer text)
    {
        var space = "▁"u8;
        while (piece.Length > 0)
        {
            var at = piece.IndexOf(space);
            text.Append(at < 0 ? piece : piece[..at]);
            if (at < 0)
                return;
            if (keepSpaces)
                text.Append((byte)' ');
            piece = piece[(at + space.Length)..];
        }
    }

    /// <summary>Byte pieces make characters; each byte that belongs to none makes one U+FFFD.</summary>
    static void FlushBytes(ByteBuffer bytes, ByteBuffer text)
    {
        var rest = bytes.Written;
        while (rest.Length > 0)
        {
            var isValid = Rune.DecodeFromUtf8(rest, out _, out var length) == OperationStatus.Done;
            text.Append(isValid ? rest[..length] : "\uFFFD"u8);
            rest = rest[(isValid ? length : 1)..];
        }

        bytes.Clear();
    }
}
