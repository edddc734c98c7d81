using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace DistillEngine.Data.Tokenization;

/// <summary>The precompiled character map of a SentencePiece model: a trie from UTF-8 sequences to their replacements.</summary>
/// <remarks>Layout: uint32 size of the trie in bytes, the units of a darts-clone double array, then replacements closed by NUL, which the
/// trie's values point to. A unit holds its label in bits 0–7, "has a value" in bit 8, and the offset of its children in bits 10–30,
/// shifted left by 8 where bit 9 is set; a value is a unit with bit 31 set.</remarks>
sealed class CharacterMap
{
    const uint LabelMask = 1u << 31 | 0xFF;

    readonly uint[] _units;
    readonly byte[] _replacements;

    CharacterMap(uint[] units, byte[] replacements) => (_units, _replacements) = (units, replacements);

    /// <param name="blob">The field <c>precompiled_charsmap</c>.</param>
    /// <param name="fault">Makes the exception to throw out of what is wrong with the map.</param>
    public static CharacterMap Parse(ReadOnlyMemory<byte> blob, Func<string, Exception> fault)
    {
        var bytes = blob.Span;
        if (bytes.Length <= sizeof(uint))
            throw fault($"has {bytes.Length} bytes, too few for a trie");
        var trieBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        bytes = bytes[sizeof(uint)..];
        if (trieBytes >= bytes.Length)
            throw fault($"says that its trie has {trieBytes} bytes, but only {bytes.Length} are left for it and the replacements");
        if (trieBytes == 0 || trieBytes % 1024 != 0) // a double array grows by blocks of 256 units of four bytes
            throw fault($"says that its trie has {trieBytes} bytes, expected a multiple of 1,024");
        var units = MemoryMarshal.Cast<byte, uint>(bytes[..(int)trieBytes]).ToArray();
        if (!BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(units, units);
        var map = new CharacterMap(units, bytes[(int)trieBytes..].ToArray());
        map.Check(fault);
        return map;
    }

    /// <summary>The replacement of the longest rule that <paramref name="text"/> begins with.</summary>
    /// <returns>Bytes of the text that the rule covers; 0 = no rule.</returns>
    public int Match(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        var units = _units;
        var unit = units[0];
        var node = OffsetOf(unit);
        var (length, value) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            var key = text[i];
            node ^= key;
            unit = units[node];
            if ((unit & LabelMask) != key)
                break;
            node ^= OffsetOf(unit);
            if (HasValue(unit))
                (length, value) = (i + 1, ValueOf(units[node]));
        }

        replacement = length == 0 ? default : ReplacementAt(value);
        return length;
    }

    /// <summary>For every ASCII character whether no rule begins with it, or with it and a second ASCII character.</summary>
    public bool[] FindPlainAscii()
    {
        var plain = new bool[128];
        var root = OffsetOf(_units[0]);
        for (var first = 0u; first < 128; first++)
        {
            var unit = _units[root ^ first];
            plain[first] = true;
            if ((unit & LabelMask) != first)
                continue;
            plain[first] = !HasValue(unit);
            var children = root ^ first ^ OffsetOf(unit);
            for (var second = 0u; second < 128; second++)
                plain[first] &= (_units[children ^ second] & LabelMask) != second;
        }

        return plain;
    }

    static bool HasValue(uint unit) => (unit >> 8 & 1) != 0;

    static uint OffsetOf(uint unit) => (unit >> 10) << (int)((unit & 1u << 9) >> 6);

    static int ValueOf(uint unit) => (int)(unit & int.MaxValue);

    ReadOnlySpan<byte> ReplacementAt(int start)
    {
        var rest = _replacements.AsSpan(start);
        return rest[..rest.IndexOf((byte)0)];
    }

    /// <summary>Walks all that a lookup can reach, so that lookups need no checks.</summary>
    void Check(Func<string, Exception> fault)
    {
        if (_replacements[^1] != 0)
            throw fault("does not close its last replacement with NUL");
        var seen = new bool[_units.Length];
        var pending = new Stack<uint>();
        Visit(0, 0);
        while (pending.TryPop(out var children))
        {
            for (var key = 0u; key < 256; key++)
            {
                if ((_units[children ^ key] & LabelMask) == key)
                    Visit(children ^ key, children ^ key);
            }
        }

        void Visit(uint node, uint position)
        {
            if (seen[node])
                return;
            seen[node] = true;
            var unit = _units[node];
            var children = position ^ OffsetOf(unit);
            if (children >= _units.Length) // units come in blocks of 256, so the block of the children decides for all of them
                throw fault($"has a trie whose unit {node} points outside of it");
            if (node != 0 && HasValue(unit))
            {
                var value = ValueOf(_units[children]);
                if (value >= _replacements.Length)
                    throw fault($"has a trie whose unit {children} points behind the replacements");
                if (!Utf8.IsValid(ReplacementAt(value)))
                    throw fault($"has a replacement at {value} that is not valid UTF-8");
            }

            pending.Push(children);
        }
    }
}
