using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace DistillEngine.Formats;

/// <summary>
/// Reads pickles that describe tensors, and nothing else. It knows the opcodes that <c>torch.save</c> emits for a state dictionary and
/// the globals of <see cref="PickleGlobal"/>; everything else is refused. Nothing in a pickle can make it execute anything.
/// </summary>
/// <remarks>
/// Values: string, long, double, bool, null, object?[] (tuple), List (list), OrderedDictionary by string (both kinds of dictionary),
/// <see cref="PickleGlobal"/>, <see cref="StorageView"/>, <see cref="PickledTensor"/>. Source: CPython <c>pickletools.py</c>.
/// </remarks>
ref struct PickleReader
{
    // The state dictionary of T5-11B has 1,000 tensors: 20,000 objects in 200 KB. The bounds keep a small file from taking much memory.
    public const int MaxBytes = 16 << 20;
    const int MaxObjects = 1 << 18;

    static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    readonly ReadOnlySpan<byte> _data;
    readonly string _path;
    readonly long _fileOffset;
    readonly PickleTensors _tensors;
    readonly List<object?> _stack = [];
    readonly List<int> _marks = [];
    readonly Dictionary<uint, object?> _memo = [];
    int _position;
    int _opcodeAt;

    // All that ever were, since lists and dictionaries keep what has left the stack.
    int _pushed;

    /// <param name="data">The pickle; bytes after its end are allowed.</param>
    /// <param name="fileOffset">Where <paramref name="data"/> lies in the file, for errors.</param>
    /// <param name="tensors">Receives the storages that the pickle names.</param>
    public PickleReader(ReadOnlySpan<byte> data, string path, long fileOffset, PickleTensors tensors)
    {
        _data = data.Length > MaxBytes ? data[..MaxBytes] : data;
        (_path, _fileOffset, _tensors) = (path, fileOffset, tensors);
    }

    /// <summary>Bytes read so far; after <see cref="Read"/>, the pickle's length.</summary>
    public readonly int Position => _position;

    /// <summary>Reads one pickle.</summary>
    /// <exception cref="InvalidDataException">It is broken, or asks for something that tensors do not need.</exception>
    public object? Read()
    {
        while (true)
        {
            _opcodeAt = _position;
            byte opcode = Take(1)[0];
            if (opcode == (byte)'.') break;
            Execute(opcode);
            if (_pushed + _memo.Count + _marks.Count > MaxObjects) Fail($"the pickle has more than {MaxObjects} objects");
        }
        object? result = Pop();
        if (_stack.Count != 0 || _marks.Count != 0) Fail("the pickle ends with values left over");
        return result;
    }

    void Execute(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: Protocol(Take(1)[0]); break;
            case 0x95: Take(8); break;                                                     // FRAME: a hint for buffering
            case (byte)'(': _marks.Add(_stack.Count); break;
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case (byte)'K': Push((long)Take(1)[0]); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 0x8A: Push(LongInteger(Take(Take(1)[0]))); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case (byte)'X': Push(Text(TakeCounted(4))); break;
            case 0x8C: Push(Text(TakeCounted(1))); break;
            case 0x8D: Push(Text(TakeCounted(8))); break;
            case (byte)'U': Push(Text(TakeCounted(1))); break;                             // strings of Python 2
            case (byte)'T': Push(Text(TakeCounted(4))); break;
            case (byte)'}': Push(NewDictionary()); break;
            case (byte)']': Push(new List<object?>()); break;
            case (byte)')': Push(Array.Empty<object?>()); break;
            case (byte)'t': Push(PopMarked()); break;
            case 0x85: Push(PopMany(1)); break;
            case 0x86: Push(PopMany(2)); break;
            case 0x87: Push(PopMany(3)); break;
            case (byte)'q': _memo[Take(1)[0]] = Peek(); break;
            case (byte)'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(); break;
            case 0x94: _memo[(uint)_memo.Count] = Peek(); break;
            case (byte)'h': Push(Recall(Take(1)[0])); break;
            case (byte)'j': Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case (byte)'c': Push(Global(TakeLine(), TakeLine())); break;
            case 0x93: PushStackGlobal(); break;
            case (byte)'Q': Push(Persistent(Pop())); break;
            case (byte)'R': Reduce(); break;
            case (byte)'b': Build(); break;
            case (byte)'a': Append(PopMany(1)); break;
            case (byte)'e': Append(PopMarked()); break;
            case (byte)'s': SetItems(PopMany(2)); break;
            case (byte)'u': SetItems(PopMarked()); break;
            default: Refuse($"the pickle has the opcode 0x{opcode:X2}, {PyTorchBinFile.NotNeeded}"); break;
        }
    }

    readonly void Protocol(int version)
    {
        if (version is < 2 or > 5) Fail($"the pickle has protocol {version}, expected 2 to 5");
    }

    readonly object Global(string module, string name)
    {
        var global = PickleGlobal.Find(module, name);
        if (global is null) Refuse($"the pickle asks for the global '{Printable(module)}.{Printable(name)}', {PyTorchBinFile.NotNeeded}");
        return global!;
    }

    void PushStackGlobal()
    {
        object?[] names = PopMany(2);
        if (names[0] is not string module || names[1] is not string name)
        {
            Fail("a global is not named by two strings");
            return;
        }
        Push(Global(module, name));
    }

    readonly StorageView Persistent(object? id)
    {
        string? error = _tensors.TryStorage(id, out var view);
        if (error is not null) Fail(error);
        return view!;
    }

    void Reduce()
    {
        object?[] call = PopMany(2);
        if (call[0] is not PickleGlobal global || call[1] is not object?[] arguments)
        {
            Fail("the pickle calls something that is no known global");
            return;
        }
        switch (global.Role)
        {
            case PickleGlobal.Kind.OrderedDictionary when arguments.Length == 0:
                Push(NewDictionary());
                break;
            case PickleGlobal.Kind.RebuildTensor:
                string? error = PickleTensors.TryTensor(arguments, out var tensor);
                if (error is not null) Fail(error);
                Push(tensor);
                break;
            // A parameter is its tensor; the other arguments say whether it is trained.
            case PickleGlobal.Kind.RebuildParameter when arguments is [PickledTensor data, bool, _]:
                Push(data);
                break;
            default:
                Fail("a known global is called with unexpected arguments");
                break;
        }
    }

    /// <summary>A state dictionary carries its modules' versions as an attribute, which says nothing about the tensors.</summary>
    void Build()
    {
        object?[] pair = PopMany(2);
        if (pair is not [OrderedDictionary<string, object?> target, OrderedDictionary<string, object?>])
        {
            Fail("the pickle sets attributes of something that is no dictionary");
            return;
        }
        Push(target);
    }

    readonly void Append(object?[] items)
    {
        if (Peek() is not List<object?> list)
        {
            Fail("the pickle appends to something that is no list");
            return;
        }
        list.AddRange(items);
    }

    readonly void SetItems(object?[] items)
    {
        if (Peek() is not OrderedDictionary<string, object?> dictionary)
        {
            Fail("the pickle sets items of something that is no dictionary");
            return;
        }
        if (items.Length % 2 != 0) Fail("a dictionary has a key without a value");
        for (int i = 0; i < items.Length; i += 2)
        {
            if (items[i] is not string key)
            {
                Fail("a dictionary has a key that is no string");
                return;
            }
            if (!dictionary.TryAdd(key, items[i + 1])) Fail($"a dictionary holds '{Malformed.Shorten(key)}' twice");
        }
    }

    static OrderedDictionary<string, object?> NewDictionary() => new(StringComparer.Ordinal);

    readonly long LongInteger(ReadOnlySpan<byte> littleEndian)
    {
        if (littleEndian.Length > sizeof(long)) Fail("an integer exceeds 64 bits");
        if (littleEndian.IsEmpty) return 0;
        long value = (sbyte)littleEndian[^1] < 0 ? -1 : 0;
        for (int i = littleEndian.Length - 1; i >= 0; i--) value = value << 8 | littleEndian[i];
        return value;
    }

    readonly string Text(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            Fail("a string is not UTF-8");
            return "";
        }
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (count > _data.Length - _position)
            Fail(_data.Length == MaxBytes ? $"the pickle exceeds {MaxBytes} bytes" : "the pickle is cut short");
        var taken = _data.Slice(_position, count);
        _position += count;
        return taken;
    }

    ReadOnlySpan<byte> TakeCounted(int countBytes)
    {
        var field = Take(countBytes);
        ulong count = countBytes switch
        {
            1 => field[0],
            4 => BinaryPrimitives.ReadUInt32LittleEndian(field),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(field),
        };
        if (count > (ulong)(_data.Length - _position)) Fail($"a string claims {count} bytes, beyond the end of the pickle");
        return Take((int)count);
    }

    string TakeLine()
    {
        int length = _data[_position..].IndexOf((byte)'\n');
        if (length < 0) Fail("a name has no end");
        string line = Text(Take(length));
        Take(1);
        return line;
    }

    void Push(object? value)
    {
        _stack.Add(value);
        _pushed++;
    }

    object? Pop()
    {
        object? value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    readonly object? Peek()
    {
        if (_stack.Count <= Floor) Fail("the pickle uses a value that is not there");
        return _stack[^1];
    }

    object?[] PopMany(int count)
    {
        if (_stack.Count - Floor < count) Fail("the pickle uses a value that is not there");
        return PopFrom(_stack.Count - count);
    }

    object?[] PopMarked()
    {
        if (_marks.Count == 0) Fail("the pickle closes a group that was never opened");
        int start = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return PopFrom(start);
    }

    readonly object?[] PopFrom(int start)
    {
        object?[] values = CollectionsMarshal.AsSpan(_stack)[start..].ToArray();
        _stack.RemoveRange(start, _stack.Count - start);
        return values;
    }

    /// <summary>Values below the innermost open group are out of reach.</summary>
    readonly int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    readonly object? Recall(uint index)
    {
        if (!_memo.TryGetValue(index, out object? value)) Fail($"the pickle recalls value {index}, which it never stored");
        return value;
    }

    readonly void Fail(string reason) => Malformed.ThrowAt(_path, _fileOffset + _opcodeAt, reason);

    readonly void Refuse(string reason) =>
        Malformed.ThrowAt(_path, _fileOffset + _opcodeAt, reason,
            "It was refused and nothing was run. Do not load this file elsewhere unless you trust its source; prefer safetensors.");

    static string Printable(string name)
    {
        string shortened = Malformed.Shorten(name);
        return string.Create(shortened.Length, shortened, static (span, text) =>
        {
            for (int i = 0; i < span.Length; i++) span[i] = char.IsControl(text[i]) ? '?' : text[i];
        });
    }
}
