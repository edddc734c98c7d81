using System.Buffers;
using System.Globalization;

namespace DistillEngine.Data.Tokenization;

/// <summary>The tokens that a text does not spell: control pieces, the unknown piece, and T5's sentinels.</summary>
sealed class SpecialTokens
{
    const string SentinelPrefix = "<extra_id_";

    readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    readonly Dictionary<int, string> _texts = [];
    readonly SearchValues<char> _firstCharacters;
    readonly int _longest;

    /// <param name="pieces">The vocabulary.</param>
    /// <param name="extraIds">Sentinels above the pieces: <c>&lt;extra_id_0&gt;</c> is the last id, the others count down.</param>
    public SpecialTokens(IReadOnlyList<SentencePiece> pieces, int extraIds)
    {
        Size = pieces.Count + extraIds;
        for (var id = 0; id < pieces.Count; id++)
        {
            var (text, _, type) = pieces[id];
            if (SentinelNumber(text) is { } number)
                Add($"{SentinelPrefix}{number}>", id);
            else if (type is PieceType.Control or PieceType.Unknown)
                Add(text, id);
        }

        for (var number = 0; number < extraIds; number++)
            Add(string.Create(CultureInfo.InvariantCulture, $"{SentinelPrefix}{number}>"), Size - 1 - number);
        _longest = _ids.Keys.Max(static text => text.Length);
        _firstCharacters = SearchValues.Create([.. _ids.Keys.Select(static text => text[0]).Distinct()]);
    }

    /// <summary>All ids: the pieces and the sentinels above them.</summary>
    public int Size { get; }

    /// <summary>Whether a vocabulary brings its own sentinels.</summary>
    public static bool AnySentinel(IReadOnlyList<SentencePiece> pieces) => pieces.Any(static piece => SentinelNumber(piece.Text) is not null);

    public bool Contains(int id) => _texts.ContainsKey(id);

    /// <summary>The spelling of a special id, or null.</summary>
    public string? TextOf(int id) => _texts.GetValueOrDefault(id);

    public int? SentinelId(int number) =>
        _ids.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"{SentinelPrefix}{number}>"), out var id) ? id : null;

    /// <summary>The first special token spelled in <paramref name="text"/>; where several begin at one place, the longest.</summary>
    public bool TryFind(ReadOnlySpan<char> text, out int start, out int length, out int id)
    {
        var lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        for (start = 0; start < text.Length; start++)
        {
            var skip = text[start..].IndexOfAny(_firstCharacters);
            if (skip < 0)
                break;
            start += skip;
            for (length = Math.Min(_longest, text.Length - start); length > 0; length--)
            {
                if (lookup.TryGetValue(text.Slice(start, length), out id))
                    return true;
            }
        }

        (start, length, id) = (text.Length, 0, 0);
        return false;
    }

    void Add(string text, int id)
    {
        _ids[text] = id;
        _texts[id] = text;
    }

    /// <summary>N of <c>&lt;extra_id_N&gt;</c>; mT5's file spells it with a space before it.</summary>
    static int? SentinelNumber(string piece)
    {
        var text = piece.AsSpan();
        if (text.StartsWith("▁", StringComparison.Ordinal))
            text = text[1..];
        return text.StartsWith(SentinelPrefix, StringComparison.Ordinal) && text[^1] == '>'
            && int.TryParse(text[SentinelPrefix.Length..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : null;
    }
}
