using System.Buffers.Binary;
using System.Text;

namespace DistillEngine.Data.Tokenization;

/// <summary>Reads the wire format of protocol buffers field by field; every fault names the file and the byte.</summary>
ref struct ProtobufReader
{
    static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly string _path;
    readonly string _message;
    readonly ReadOnlySpan<byte> _data;
    readonly int _start;
    int _position;
    int _wireType;

    /// <param name="data">The message's bytes.</param>
    /// <param name="path">The file, for error messages.</param>
    /// <param name="message">What the message is, for error messages.</param>
    /// <param name="start">Offset of <paramref name="data"/> in the file.</param>
    public ProtobufReader(ReadOnlySpan<byte> data, string path, string message, int start = 0)
    {
        _data = data;
        (_path, _message, _start) = (path, message, start);
    }

    /// <summary>Offset in the file of the next byte.</summary>
    public readonly int Offset => _start + _position;

    /// <summary>Number of the field just read.</summary>
    public int Field { get; private set; }

    /// <summary>Moves to the next field; false at the end.</summary>
    public bool Next()
    {
        if (_position == _data.Length)
            return false;
        var at = _position;
        var tag = Varint();
        (Field, _wireType) = ((int)(tag >> 3), (int)(tag & 7));
        if (tag > uint.MaxValue || Field == 0)
            throw Fault(at, $"tag {tag} is not a field");
        return true;
    }

    public int Int32()
    {
        Expect(0, "a varint");
        return unchecked((int)Varint());
    }

    public bool Bool()
    {
        Expect(0, "a varint");
        return Varint() != 0;
    }

    public float Float()
    {
        Expect(5, "a 32-bit float");
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    public ReadOnlySpan<byte> Bytes()
    {
        Expect(2, "a length-delimited value");
        return Take(Length());
    }

    public string String()
    {
        var at = _position;
        try
        {
            return StrictUtf8.GetString(Bytes());
        }
        catch (DecoderFallbackException)
        {
            throw Fault(at, $"field {Field} is not valid UTF-8");
        }
    }

    public ProtobufReader Message(string name)
    {
        Expect(2, "a message");
        var length = Length();
        var start = Offset;
        return new(Take(length), _path, name, start);
    }

    public void Skip()
    {
        switch (_wireType)
        {
            case 0: Varint(); break;
            case 1: Take(8); break;
            case 2: Take(Length()); break;
            case 5: Take(4); break;
            default: throw Fault(_position, $"field {Field} has wire type {_wireType}, which this format does not use");
        }
    }

    public readonly InvalidDataException Fault(int position, string what) =>
        new($"{_path}: byte {_start + position}, {_message}: {what}. The file is damaged or not a SentencePiece model; copy it again from its source.");

    readonly void Expect(int wireType, string what)
    {
        if (_wireType != wireType)
            throw Fault(_position, $"field {Field} has wire type {_wireType}, expected {wireType} ({what})");
    }

    int Length()
    {
        var at = _position;
        var length = Varint();
        if (length > (ulong)(_data.Length - _position))
            throw Fault(at, $"field {Field} claims {length} bytes, but only {_data.Length - _position} are left");
        return (int)length;
    }

    ReadOnlySpan<byte> Take(int length)
    {
        if (length > _data.Length - _position)
            throw Fault(_position, $"field {Field} needs {length} bytes, but only {_data.Length - _position} are left");
        var taken = _data.Slice(_position, length);
        _position += length;
        return taken;
    }

    ulong Varint()
    {
        var at = _position;
        var value = 0ul;
        for (var shift = 0; shift < 70; shift += 7) // ten groups of seven bits hold 64
        {
            if (_position == _data.Length)
                throw Fault(at, "a number is cut off");
            var b = _data[_position++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }

        throw Fault(at, "a number is longer than ten bytes");
    }
}
