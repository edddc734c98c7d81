using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Microsoft.ML.Tokenizers;

namespace DistillEngine.Data.Tokenization;

/// <summary>Rewrites a text as SentencePiece does before it splits it: character map, spaces, dummy prefix.</summary>
/// <remarks>Source: google/sentencepiece, <c>normalizer.cc</c>. Safe for concurrent use.</remarks>
public sealed class SentencePieceNormalizer : Normalizer
{
    /// <summary>A byte that UTF-8 never holds; it stands for a lone surrogate, which becomes U+FFFD as an invalid byte does.</summary>
    const byte InvalidByte = 0xFF;

    readonly CharacterMap? _map;
    readonly PieceTrie? _protected;
    readonly bool[] _plain;
    readonly byte[] _space;
    readonly bool _addDummyPrefix;
    readonly bool _removeExtraWhitespaces;
    readonly bool _whitespaceIsSuffix;

    /// <param name="settings">What to do.</param>
    /// <param name="map">The parsed character map; null = characters stay.</param>
    /// <param name="protectedSymbols">User-defined pieces, which the character map leaves alone; null = none.</param>
    internal SentencePieceNormalizer(NormalizerSettings settings, CharacterMap? map, PieceTrie? protectedSymbols)
    {
        (_map, _protected) = (map, protectedSymbols);
        _space = settings.EscapeWhitespaces ? "▁"u8.ToArray() : " "u8.ToArray();
        _addDummyPrefix = settings.AddDummyPrefix;
        _removeExtraWhitespaces = settings.RemoveExtraWhitespaces;
        _whitespaceIsSuffix = settings.TreatWhitespaceAsSuffix;
        _plain = map?.FindPlainAscii() ?? Enumerable.Repeat(true, 128).ToArray();
        if (protectedSymbols is null)
            return;
        var units = protectedSymbols.Units;
        for (var c = 0; c < 128; c++)
            _plain[c] &= units[units[PieceTrie.Root].Base + c].Parent != PieceTrie.Root;
    }

    /// <inheritdoc/>
    public override string Normalize(string original)
    {
        ArgumentNullException.ThrowIfNull(original);
        return Normalize(original.AsSpan());
    }

    /// <summary>The normalized text. A lone surrogate becomes U+FFFD.</summary>
    public override string Normalize(ReadOnlySpan<char> original)
    {
        var source = new ByteBuffer();
        var normalized = new ByteBuffer();
        Transcode(original, source);
        Normalize(source.Written, normalized);
        return Encoding.UTF8.GetString(normalized.Written);
    }

    /// <summary>Overwrites <paramref name="utf8"/> with the text; a lone surrogate becomes one invalid byte.</summary>
    internal static void Transcode(ReadOnlySpan<char> text, ByteBuffer utf8)
    {
        utf8.Clear();
        while (true)
        {
            var room = utf8.Reserve(3L * text.Length); // a UTF-16 unit takes at most three bytes
            var status = Utf8.FromUtf16(text, room, out var read, out var written, replaceInvalidSequences: false);
            utf8.Advance(written);
            if (status == OperationStatus.Done)
                return;
            utf8.Append(InvalidByte);
            text = text[(read + 1)..];
        }
    }

    /// <summary>Overwrites <paramref name="output"/> with the normalized form of <paramref name="input"/>.</summary>
    internal void Normalize(ReadOnlySpan<byte> input, ByteBuffer output)
    {
        output.Clear();
        if (_removeExtraWhitespaces)
        {
            while (input.Length > 0)
            {
                var consumed = Prefix(input, out var first);
                if (!first.SequenceEqual(" "u8))
                    break;
                input = input[consumed..];
            }
        }

        if (input.IsEmpty)
            return;
        if (_addDummyPrefix && !_whitespaceIsSuffix)
            output.Append(_space);
        Rewrite(input, output);
        if (_removeExtraWhitespaces)
        {
            while (output.Written.EndsWith(_space))
                output.RemoveLast(_space.Length);
        }

        if (_addDummyPrefix && _whitespaceIsSuffix)
            output.Append(_space);
    }

    void Rewrite(ReadOnlySpan<byte> input, ByteBuffer output)
    {
        var afterSpace = _removeExtraWhitespaces;
        while (input.Length > 0)
        {
            var plain = CopyPlain(input, output, ref afterSpace);
            input = input[plain..];
            if (input.IsEmpty)
                return;
            var consumed = Prefix(input, out var replacement);
            input = input[consumed..];
            if (afterSpace)
                replacement = replacement.TrimStart((byte)' ');
            if (replacement.IsEmpty)
                continue;
            foreach (var b in replacement)
            {
                if (b == ' ')
                    output.Append(_space);
                else
                    output.Append(b);
            }

            afterSpace = _removeExtraWhitespaces && replacement[^1] == ' ';
        }
    }

    /// <summary>Copies ASCII characters that no rule can touch: nearly all of an English text.</summary>
    /// <returns>Bytes consumed.</returns>
    int CopyPlain(ReadOnlySpan<byte> input, ByteBuffer output, ref bool afterSpace)
    {
        var plain = _plain;
        var destination = output.Reserve((long)_space.Length * input.Length);
        var (i, written) = (0, 0);
        for (; i < input.Length; i++)
        {
            var b = input[i];
            if (b >= 128 || !plain[b] || (i + 1 < input.Length && input[i + 1] >= 128))
                break;
            if (b != ' ')
            {
                destination[written++] = b;
                afterSpace = false;
            }
            else if (!afterSpace)
            {
                _space.CopyTo(destination[written..]);
                written += _space.Length;
                afterSpace = _removeExtraWhitespaces;
            }
        }

        output.Advance(written);
        return i;
    }

    /// <summary>What the beginning of <paramref name="input"/> becomes.</summary>
    /// <returns>Bytes consumed, at least one.</returns>
    int Prefix(ReadOnlySpan<byte> input, out ReadOnlySpan<byte> replacement)
    {
        if (_protected is not null)
        {
            var symbol = _protected.LongestMatch(input);
            if (symbol > 0)
            {
                replacement = input[..symbol];
                return symbol;
            }
        }

        if (_map is not null)
        {
            var covered = _map.Match(input, out replacement);
            if (covered > 0)
                return covered;
        }

        if (Rune.DecodeFromUtf8(input, out _, out var length) == OperationStatus.Done)
        {
            replacement = input[..length];
            return length;
        }

        replacement = "\uFFFD"u8;
        return 1; // SentencePiece consumes one byte of an invalid sequence
    }
}
