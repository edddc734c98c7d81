using System.Text;
using static DistillEngine.Data.Tokenization.EncodeScratch;

namespace DistillEngine.Data.Tokenization;

/// <summary>Splits a normalized text into the pieces with the highest sum of scores.</summary>
/// <remarks>Source: google/sentencepiece 0.2.3, <c>unigram_model.cc</c>, <c>EncodeOptimized</c>. Sums and comparisons are float32 and the first of equal
/// paths stays, so that the same one of several equally good segmentations wins: in the data of the paper some rows have such ties. (Older
/// versions, 0.1.97 among them, compare in float64 and choose otherwise there.)</remarks>
sealed class UnigramEncoder
{
    /// <summary>An unknown character costs this much more than the rarest piece.</summary>
    const float UnknownPenalty = 10f;

    /// <summary>Each user-defined piece costs this much, so that fewer of them win.</summary>
    const float UserDefinedPenalty = 0.1f;

    /// <summary>FLT_MIN of C, from which SentencePiece starts its search for the highest score; scores are logarithms below it.</summary>
    const float SmallestPositive = 1.17549435e-38f;

    readonly PieceTrie _trie;
    readonly int _unknownId;
    readonly float _unknownScore;

    public UnigramEncoder(IReadOnlyList<SentencePiece> pieces)
    {
        var (min, max) = (float.MaxValue, SmallestPositive);
        foreach (var (_, score, type) in pieces)
        {
            if (type == PieceType.Normal)
                (min, max) = (Math.Min(min, score), Math.Max(max, score));
        }

        _unknownScore = min - UnknownPenalty;
        var entries = new List<(byte[] Key, int Id, float Score)>(pieces.Count);
        for (var id = 0; id < pieces.Count; id++)
        {
            var (text, score, type) = pieces[id];
            var key = Encoding.UTF8.GetBytes(text);
            if (type == PieceType.Unknown)
                _unknownId = id;
            else if (type == PieceType.Normal)
                entries.Add((key, id, score));
            else if (type == PieceType.UserDefined)
                entries.Add((key, id, key.Length * max - UserDefinedPenalty));
        }

        _trie = PieceTrie.Build(entries);
    }

    /// <summary>Fills the scratch's path for its normalized text, and its list of ends.</summary>
    /// <returns>The number of pieces.</returns>
    public int Split(EncodeScratch scratch)
    {
        var text = scratch.Normalized.Written;
        if (text.IsEmpty)
            return 0;
        if (scratch.Path.Length <= text.Length)
        {
            scratch.Path = new PathNode[text.Length + text.Length / 2 + 1];
            scratch.Ends = new int[scratch.Path.Length];
        }

        FindBestPath(text, scratch.Path.AsSpan(0, text.Length + 1));
        var (count, end) = (0, text.Length);
        for (; end > 0; end = scratch.Path[end].Start)
            scratch.Ends[count++] = end;
        return count;
    }

    void FindBestPath(ReadOnlySpan<byte> text, Span<PathNode> path)
    {
        path.Fill(new PathNode { Start = -1, Id = -1 });
        var units = _trie.Units;
        for (var start = 0; start < text.Length;)
        {
            var till = path[start].Score;
            var character = Math.Min(CharacterLength(text[start]), text.Length - start);
            var hasSingle = false;
            var node = PieceTrie.Root;
            for (var i = start; i < text.Length;)
            {
                var next = units[node].Base + text[i];
                ref readonly var unit = ref units[next];
                if (unit.Parent != node)
                    break;
                node = next;
                i++;
                if (unit.Id < 0)
                    continue;
                Offer(ref path[i], unit.Score + till, start, unit.Id);
                hasSingle |= i - start == character;
            }

            if (!hasSingle)
                Offer(ref path[start + character], _unknownScore + till, start, _unknownId);
            start += character;
        }
    }

    static void Offer(ref PathNode target, float score, int start, int id)
    {
        if (target.Start < 0 || score > target.Score)
            target = new PathNode { Score = score, Start = start, Id = id };
    }

    /// <summary>Bytes of the character that begins with <paramref name="first"/>.</summary>
    static int CharacterLength(byte first) => first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}
