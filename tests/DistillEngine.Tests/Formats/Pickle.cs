using System.Buffers.Binary;
using System.Text;

namespace DistillEngine.Tests.Formats;

/// <summary>Writes pickles of protocol 2, well-formed or not, opcode by opcode.</summary>
sealed class Pickle
{
    readonly List<byte> _bytes = [0x80, 2];

    public static Pickle StateDictionary() => new Pickle().Op('}').Op('(');

    /// <summary>Closes a state dictionary.</summary>
    public byte[] Close() => Op('u').Op('.').ToArray();

    public byte[] ToArray() => [.. _bytes];

    public Pickle Op(char opcode) => Raw((byte)opcode);

    public Pickle Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public Pickle Text(string value)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        return Op('X').UInt32((uint)utf8.Length).Raw(utf8);
    }

    public Pickle UInt32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Raw(bytes);
    }

    /// <summary>An integer of any size up to 64 bits.</summary>
    public Pickle Integer(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8A, 8).Raw(bytes);
    }

    public Pickle Global(string module, string name) => Op('c').Raw(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public Pickle Tuple(params long[] values)
    {
        Op('(');
        foreach (long value in values) Integer(value);
        return Op('t');
    }

    /// <summary>A persistent id of the zip layout; the legacy layout adds a field, None unless the storage is a view.</summary>
    public Pickle Storage(string key, long count, string type = "FloatStorage", bool legacy = false, (string Key, long Offset, long Count)? view = null)
    {
        Op('(').Text("storage").Global("torch", type).Text(key).Text("cpu").Integer(count);
        if (view is { } part) Op('(').Text(part.Key).Integer(part.Offset).Integer(part.Count).Op('t');
        else if (legacy) Op('N');
        return Op('t').Op('Q');
    }

    /// <summary>Key and value of one tensor in a state dictionary.</summary>
    public Pickle Tensor(string name, string key, long count, long offset, long[] shape, long[] strides, string type = "FloatStorage", bool legacy = false,
        (string Key, long Offset, long Count)? view = null) =>
        Text(name).Rebuild(pickle => pickle.Storage(key, count, type, legacy, view), offset, shape, strides);

    /// <summary>A call of the function that builds a tensor.</summary>
    public Pickle Rebuild(Action<Pickle> storage, long offset, long[] shape, long[] strides)
    {
        Global("torch._utils", "_rebuild_tensor_v2").Op('(');
        storage(this);
        return Integer(offset).Tuple(shape).Tuple(strides).Raw(0x89).Global("collections", "OrderedDict").Op(')').Op('R').Op('t').Op('R');
    }
}
