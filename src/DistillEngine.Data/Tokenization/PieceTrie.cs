using System.Runtime.InteropServices;

namespace DistillEngine.Data.Tokenization;

/// <summary>A double-array trie over byte strings, built once: one step reads one 16-byte unit.</summary>
sealed class PieceTrie
{
    public const int Root = 0;

    const int Free = -1;

    /// <summary>The parent of the root: its slot is taken, and it is nobody's child.</summary>
    const int Nobody = -2;

    Unit[] _units = new Unit[1024];
    int _searchFrom = 1;
    int _used = 256;

    PieceTrie() => Array.Fill(_units, Unit.Empty);

    /// <summary>One node. The child by byte b is at <c>Base + b</c> and names this node as its parent.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Unit
    {
        public int Base;
        public int Parent;
        public int Id;
        public float Score;

        public static readonly Unit Empty = new() { Parent = Free, Id = -1 };
    }

    /// <summary>The nodes. Every <c>Base + 255</c> lies inside.</summary>
    public ReadOnlySpan<Unit> Units => _units;

    /// <param name="entries">Distinct, not empty keys with their ids and scores; sorted here.</param>
    public static PieceTrie Build(List<(byte[] Key, int Id, float Score)> entries)
    {
        entries.Sort(static (a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
        var trie = new PieceTrie();
        trie._units[Root].Parent = Nobody;
        // Breadth would need a queue of ranges; a stack keeps deep pieces from exhausting the call stack.
        var pending = new Stack<(int Node, int From, int To, int Depth)>();
        pending.Push((Root, 0, entries.Count, 0));
        Span<byte> labels = stackalloc byte[256];
        Span<int> starts = stackalloc int[257];
        while (pending.TryPop(out var range))
        {
            var (node, from, to, depth) = range;
            if (from < to && entries[from].Key.Length == depth)
            {
                (trie._units[node].Id, trie._units[node].Score) = (entries[from].Id, entries[from].Score);
                from++;
            }

            var count = 0;
            for (var i = from; i < to; i++)
            {
                var label = entries[i].Key[depth];
                if (count > 0 && labels[count - 1] == label)
                    continue;
                labels[count] = label;
                starts[count++] = i;
            }

            if (count == 0)
                continue; // a leaf's Base stays 0: nothing there names it as its parent
            starts[count] = to;
            var origin = trie.Place(node, labels[..count]);
            for (var k = 0; k < count; k++)
                pending.Push((origin + labels[k], starts[k], starts[k + 1], depth + 1));
        }

        Array.Resize(ref trie._units, trie._used);
        return trie;
    }

    /// <summary>The longest key that <paramref name="text"/> begins with, in bytes; 0 = none.</summary>
    public int LongestMatch(ReadOnlySpan<byte> text)
    {
        var node = Root;
        var longest = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var next = _units[node].Base + text[i];
            if (_units[next].Parent != node)
                break;
            node = next;
            if (_units[node].Id >= 0)
                longest = i + 1;
        }

        return longest;
    }

    /// <summary>Finds an origin at which every label's slot is free, and takes the slots for <paramref name="parent"/>.</summary>
    int Place(int parent, ReadOnlySpan<byte> labels)
    {
        while (_searchFrom < _units.Length && _units[_searchFrom].Parent != Free)
            _searchFrom++;
        var (slot, occupied) = (_searchFrom, 0);
        for (; ; slot++)
        {
            if (slot + 256 >= _units.Length)
                Grow();
            if (_units[slot].Parent != Free)
            {
                occupied++;
                continue;
            }

            var candidate = slot - labels[0];
            if (candidate >= 0 && IsFree(candidate, labels))
                break;
        }

        // Where the array is nearly full, later searches start behind it: building stays linear.
        if (occupied >= 0.95 * (slot - _searchFrom + 1))
            _searchFrom = slot;
        var origin = slot - labels[0];
        _units[parent].Base = origin;
        foreach (var label in labels)
            _units[origin + label].Parent = parent;
        _used = Math.Max(_used, origin + 256);
        return origin;
    }

    bool IsFree(int origin, ReadOnlySpan<byte> labels)
    {
        foreach (var label in labels)
        {
            if (_units[origin + label].Parent != Free)
                return false;
        }

        return true;
    }

    void Grow()
    {
        var old = _units.Length;
        Array.Resize(ref _units, old * 2);
        _units.AsSpan(old).Fill(Unit.Empty);
    }
}
