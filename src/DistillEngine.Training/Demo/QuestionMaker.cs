using System.Diagnostics;

namespace DistillEngine.Training.Demo;

/// <summary>Draws sets of questions, each without the questions of the sets before it.</summary>
sealed class QuestionMaker(ulong seed)
{
    static readonly int PlaceCount = Enum.GetValues<ThingPlace>().Length;

    readonly IReadOnlyList<EverydayThing> _things = EverydayThings.All;
    readonly DrawSequence _draws = new(seed);
    readonly HashSet<Key> _closed = [];
    readonly List<EverydayQuestion> _rows = [];
    readonly HashSet<Key> _open = [];

    /// <summary>Most place questions that a set can have with both answers equally often, when earlier sets took <paramref name="earlierRows"/>:
    /// every thing's own place once in each wording.</summary>
    public static int MaxPlaceRows(int earlierRows) => 2 * EverydayWordings.Questions * (EverydayThings.All.Count - (earlierRows + 1) / 2);

    public IReadOnlyList<EverydayQuestion> MakeSet(int rows, int maxPlaceRows)
    {
        _rows.Clear();
        _open.Clear();
        var place = Math.Min(rows / 3, maxPlaceRows);
        var larger = (rows - place + 1) / 2;
        AddPairs(QuestionKind.Larger, larger);
        AddPairs(QuestionKind.SameMaterial, rows - place - larger);
        AddPlaces((place + 1) / 2, place / 2);
        _closed.UnionWith(_open);
        var set = _rows.ToArray();
        _draws.Shuffle<EverydayQuestion>(set);
        return set;
    }

    /// <summary>Every thing takes its turn as one of the two; the other is drawn from those that have occurred least. Answers alternate.</summary>
    void AddPairs(QuestionKind kind, int count)
    {
        var partners = new List<int>(_things.Count);
        var uses = new int[_things.Count];
        for (var added = 0; added < count;)
        {
            var before = added;
            foreach (var thing in Turns())
            {
                if (added == count)
                    break;
                var isYes = added % 2 == 0;
                FindPartners(kind, thing, isYes, uses, partners);
                if (partners.Count == 0)
                    continue; // this thing's pairs are used up; the others go on
                var partner = partners[_draws.Below(partners.Count)];
                AddPair(kind, thing, partner, isYes);
                uses[thing]++;
                uses[partner]++;
                added++;
            }

            if (added == before)
                throw new UnreachableException($"{kind} questions ran out at {added} of {count}; MaxRows is too high for these things.");
        }
    }

    /// <summary>The least used of those that make a new question with <paramref name="thing"/>.</summary>
    void FindPartners(QuestionKind kind, int thing, bool isYes, int[] uses, List<int> partners)
    {
        partners.Clear();
        for (var other = 0; other < _things.Count; other++)
        {
            if (other == thing || !Fits(kind, _things[thing], _things[other], isYes) || IsTaken(PairKey(kind, thing, other)))
                continue;
            if (partners.Count > 0 && uses[other] < uses[partners[0]])
                partners.Clear();
            if (partners.Count == 0 || uses[other] == uses[partners[0]])
                partners.Add(other);
        }
    }

    void AddPair(QuestionKind kind, int thing, int partner, bool isYes)
    {
        _open.Add(PairKey(kind, thing, partner));
        var (a, b) = (_things[thing], _things[partner]);
        var isSwapped = kind == QuestionKind.Larger ? a.Size > b.Size != isYes : _draws.Below(2) == 1;
        var (first, second) = isSwapped ? (b, a) : (a, b);
        var (question, rationale) = (_draws.Below(EverydayWordings.Questions), _draws.Below(EverydayWordings.Rationales));
        _rows.Add(kind == QuestionKind.Larger
            ? EverydayWordings.Larger(first, second, question, rationale)
            : EverydayWordings.SameMaterial(first, second, question, rationale));
    }

    /// <summary>Which is larger has an answer for any two sizes (yes stands for the first named); stuff is the same or not.</summary>
    static bool Fits(QuestionKind kind, EverydayThing thing, EverydayThing other, bool isYes) =>
        kind == QuestionKind.Larger ? thing.Size != other.Size : thing.Material == other.Material == isYes;

    /// <summary>Things take turns, each with both answers. A thing's only question with the answer yes comes back in the next round in other
    /// words, its questions with the answer no ask for another place.</summary>
    void AddPlaces(int yes, int no)
    {
        for (var round = 0; yes + no > 0; round++)
        {
            foreach (var thing in Turns())
            {
                if (yes > 0 && AddOwnPlace(thing, (thing + round) % EverydayWordings.Questions))
                    yes--;
                if (no > 0 && AddOtherPlace(thing, thing + round))
                    no--;
            }
        }
    }

    bool AddOwnPlace(int thing, int question)
    {
        var place = _things[thing].Place;
        if (_closed.Contains(new(QuestionKind.Place, thing, (int)place)))
            return false;
        AddPlace(thing, place, question);
        return true;
    }

    /// <summary>Asks for the first place not asked for yet, from the one with number <paramref name="start"/> of those where the thing is not.</summary>
    bool AddOtherPlace(int thing, int start)
    {
        var own = (int)_things[thing].Place;
        for (var i = 0; i < PlaceCount - 1; i++)
        {
            var place = (own + 1 + (start + i) % (PlaceCount - 1)) % PlaceCount;
            if (IsTaken(new(QuestionKind.Place, thing, place)))
                continue;
            AddPlace(thing, (ThingPlace)place, _draws.Below(EverydayWordings.Questions));
            return true;
        }

        return false;
    }

    void AddPlace(int thing, ThingPlace place, int question)
    {
        _open.Add(new(QuestionKind.Place, thing, (int)place));
        _rows.Add(EverydayWordings.Place(_things[thing], place, question, _draws.Below(EverydayWordings.Rationales)));
    }

    /// <summary>All things in a new order.</summary>
    int[] Turns()
    {
        var order = new int[_things.Count];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        _draws.Shuffle<int>(order);
        return order;
    }

    bool IsTaken(Key key) => _open.Contains(key) || _closed.Contains(key);

    static Key PairKey(QuestionKind kind, int thing, int other) => new(kind, Math.Min(thing, other), Math.Max(thing, other));

    /// <summary>What a question asks, whatever its wording and the order of its things.</summary>
    readonly record struct Key(QuestionKind Kind, int First, int Second);
}
