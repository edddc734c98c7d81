using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace DistillEngine.Data.Tokenization;

/// <content>What <see cref="Tokenizer"/> asks for, so that libraries written for it (chunkers, counters) can use this one.</content>
/// <remarks>Offsets and counts of characters are positions in the normalized text, which is returned beside them; without normalization they are
/// positions in the text itself.</remarks>
public sealed partial class SentencePieceTokenizer
{
    /// <inheritdoc/>
    public override Normalizer Normalizer => _normalizer;

    /// <summary>Null: SentencePiece splits a text in one piece.</summary>
    public override PreTokenizer? PreTokenizer => null;

    /// <summary>As <see cref="Decode(ReadOnlySpan{int})"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below <see cref="VocabularySize"/>.</exception>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return ids switch
        {
            int[] array => Decode(array.AsSpan()),
            List<int> list => Decode(CollectionsMarshal.AsSpan(list)),
            _ => Decode(ids.ToArray().AsSpan()),
        };
    }

    /// <summary>Decodes as many ids as fit.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="destination">Receives the text.</param>
    /// <param name="idsConsumed">Ids whose whole text was written.</param>
    /// <param name="charsWritten">UTF-16 units written.</param>
    /// <returns><see cref="OperationStatus.Done"/>, or <see cref="OperationStatus.DestinationTooSmall"/> where ids are left over.</returns>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var all = ids.ToArray();
        var text = Decode(all.AsSpan());
        if (text.TryCopyTo(destination))
        {
            (idsConsumed, charsWritten) = (all.Length, text.Length);
            return OperationStatus.Done;
        }

        // A prefix of the ids decodes to a prefix of the text, save for a character whose bytes are cut apart: such a prefix is passed over.
        var (low, high) = (0, all.Length);
        while (low + 1 < high)
        {
            var middle = (low + high) / 2;
            if (Decode(all.AsSpan(0, middle)).Length <= destination.Length)
                low = middle;
            else
                high = middle;
        }

        while (low > 0 && IsCut(all, low, text, destination.Length))
            low--;
        var part = Decode(all.AsSpan(0, low));
        part.CopyTo(destination);
        (idsConsumed, charsWritten) = (low, part.Length);
        return OperationStatus.DestinationTooSmall;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var (source, tokens) = Tokenize(text is null ? textSpan : text, settings);
        var limit = Math.Min(tokens.Count, settings.MaxTokenCount);
        tokens.RemoveRange(limit, tokens.Count - limit);
        return new()
        {
            Tokens = tokens,
            NormalizedText = settings.ConsiderNormalization ? source : null,
            CharsConsumed = tokens.Count == 0 ? 0 : tokens[^1].Offset.End.Value,
        };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount == int.MaxValue && settings.ConsiderNormalization)
        {
            var (ids, normalized) = EncodeAll(text is null ? textSpan : text);
            return new() { Tokens = ids, NormalizedText = normalized, CharsConsumed = normalized.Length };
        }

        var results = EncodeToTokens(text, textSpan, settings);
        var some = new List<int>(results.Tokens.Count);
        foreach (var token in results.Tokens)
            some.Add(token.Id);
        return new() { Tokens = some, NormalizedText = results.NormalizedText, CharsConsumed = results.CharsConsumed };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToIds(text, textSpan, settings).Tokens.Count;

    /// <summary>Where the text must be cut so that the part before it (behind it, with <paramref name="fromEnd"/>) has at most
    /// <see cref="EncodeSettings.MaxTokenCount"/> tokens.</summary>
    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.MaxTokenCount, 1);
        var (source, tokens) = Tokenize(text is null ? textSpan : text, settings);
        normalizedText = settings.ConsiderNormalization ? source : null;
        tokenCount = Math.Min(tokens.Count, settings.MaxTokenCount);
        if (tokenCount == tokens.Count)
            return fromEnd ? 0 : source.Length;
        return fromEnd ? tokens[^tokenCount].Offset.Start.Value : tokens[tokenCount - 1].Offset.End.Value;
    }

    (List<int> Ids, string Normalized) EncodeAll(ReadOnlySpan<char> text)
    {
        var scratch = Rent();
        SentencePieceNormalizer.Transcode(text, scratch.Source);
        _normalizer.Normalize(scratch.Source.Written, scratch.Normalized);
        var ids = new List<int>();
        AppendIds(scratch, _encoder.Split(scratch), ids);
        var normalized = Encoding.UTF8.GetString(scratch.Normalized.Written);
        Return(scratch);
        return (ids, normalized);
    }

    /// <summary>The text that was split, and its pieces with their offsets in it.</summary>
    (string Source, List<EncodedToken> Tokens) Tokenize(ReadOnlySpan<char> text, EncodeSettings settings)
    {
        var scratch = Rent();
        if (settings.ConsiderNormalization)
        {
            SentencePieceNormalizer.Transcode(text, scratch.Source);
            _normalizer.Normalize(scratch.Source.Written, scratch.Normalized);
        }
        else
        {
            scratch.Normalized.Clear();
            scratch.Normalized.Advance(Encoding.UTF8.GetBytes(text, scratch.Normalized.Reserve(3L * text.Length)));
        }

        var count = _encoder.Split(scratch);
        var bytes = scratch.Normalized.Written;
        var source = settings.ConsiderNormalization ? Encoding.UTF8.GetString(bytes) : text.ToString();
        var tokens = new List<EncodedToken>(count);
        var (at, wasUnknown) = (0, false);
        for (var k = count - 1; k >= 0; k--)
        {
            var (start, id) = (scratch.Path[scratch.Ends[k]].Start, scratch.Path[scratch.Ends[k]].Id);
            var piece = bytes[start..scratch.Ends[k]];
            var end = at + Encoding.UTF8.GetCharCount(piece);
            var isUnknown = id == UnknownId;
            if (isUnknown && _byteIds is not null)
            {
                // The last byte stands for the character; the others cover nothing.
                for (var i = 0; i < piece.Length; i++)
                    tokens.Add(new(_byteIds[piece[i]], PieceOf(_byteIds[piece[i]]), at..(i == piece.Length - 1 ? end : at)));
            }
            else if (isUnknown && wasUnknown)
            {
                var first = tokens[^1].Offset.Start.Value;
                tokens[^1] = new(id, source[first..end], first..end);
            }
            else
            {
                tokens.Add(new(id, source[at..end], at..end));
            }

            (at, wasUnknown) = (end, isUnknown);
        }

        Return(scratch);
        return (source, tokens);
    }

    bool IsCut(int[] ids, int count, string whole, int room)
    {
        var part = Decode(ids.AsSpan(0, count));
        return part.Length > room || !whole.StartsWith(part, StringComparison.Ordinal);
    }
}
