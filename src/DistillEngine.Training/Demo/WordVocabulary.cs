using DistillEngine.Data.Tokenization;

namespace DistillEngine.Training.Demo;

/// <summary>A Unigram vocabulary of whole words for a small closed world.</summary>
public static class WordVocabulary
{
    const char Space = '\u2581';

    /// <summary>How far a fallback character lies below the rarest word, in nats. Any distance above 0 makes words win, since a split
    /// that is not the word needs at least one fallback character and no score exceeds 0.</summary>
    const float FallbackDistance = 10f;

    /// <summary>The vocabulary of <paramref name="texts"/>, laid out as T5's: <c>&lt;pad&gt;</c> 0, <c>&lt;/s&gt;</c> 1, <c>&lt;unk&gt;</c> 2; then words
    /// and punctuation from frequent to rare (equal counts in ordinal order) with the logarithm of their share as score; then U+2581 and the
    /// printable ASCII characters that are not there yet.</summary>
    /// <remarks>A word is a run of letters and digits at the start of what stands between two spaces, and splits off as one piece; punctuation
    /// is one piece a character; letters and digits behind punctuation (<c>ice-cream</c>) are spelled by character. Every printable ASCII text
    /// encodes without an unknown piece.</remarks>
    /// <param name="texts">Everything that the model will read and write, task prefixes included.</param>
    /// <exception cref="ArgumentException">A text holds a character that is neither printable ASCII nor a space.</exception>
    public static SentencePieceModel Build(IEnumerable<string> texts)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var text in texts)
            Count(text, counts);
        var total = counts.Values.Sum();
        var pieces = new List<SentencePiece>
        {
            new("<pad>", 0f, PieceType.Control),
            new("</s>", 0f, PieceType.Control),
            new("<unk>", 0f, PieceType.Unknown),
        };
        var lowest = 0f;
        foreach (var (piece, count) in counts.OrderByDescending(static entry => entry.Value).ThenBy(static entry => entry.Key, StringComparer.Ordinal))
        {
            lowest = (float)Math.Log((double)count / total);
            pieces.Add(new(piece, lowest));
        }

        var fallback = lowest - FallbackDistance;
        pieces.Add(new(Space.ToString(), fallback));
        for (var c = '!'; c <= '~'; c++)
        {
            if (!counts.ContainsKey(c.ToString()))
                pieces.Add(new(c.ToString(), fallback));
        }

        return new SentencePieceModel { Pieces = pieces };
    }

    static void Count(string text, Dictionary<string, long> counts)
    {
        for (var i = 0; i < text.Length;)
        {
            var start = i;
            while (i < text.Length && char.IsAsciiLetterOrDigit(text[i]))
                i++;
            if (i > start)
            {
                if (start == 0 || text[start - 1] == ' ')
                    Add(Space + text[start..i], counts);
                continue;
            }

            if (text[i] is < ' ' or > '~')
                throw new ArgumentException(
                    $"Text '{text}' holds U+{(int)text[i]:X4} at character {i}, expected printable ASCII and spaces; spell it in ASCII.", "texts");
            if (text[i] != ' ')
                Add(text[i].ToString(), counts);
            i++;
        }
    }

    static void Add(string piece, Dictionary<string, long> counts) => counts[piece] = counts.GetValueOrDefault(piece) + 1;
}
