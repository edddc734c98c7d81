using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace DistillEngine.Tests.Formats;

/// <summary>Assembles PyTorch files around a pickle.</summary>
static class BinFiles
{
    /// <summary>A zip of stored entries as torch.save lays it out, with the given pickle and storages.</summary>
    public static byte[] Zip(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        Archive([("archive/data.pkl", pickle), ("archive/byteorder", "little"u8.ToArray()),
            .. storages.Select(storage => ($"archive/data/{storage.Key}", storage.Data))]);

    /// <param name="method">Compression method that the headers claim; 0 is stored.</param>
    /// <param name="claimedBytes">Size that the headers claim instead of the true one.</param>
    public static byte[] Archive((string Name, byte[] Data)[] entries, ushort method = 0, uint? claimedBytes = null)
    {
        var file = new MemoryStream();
        var directory = new MemoryStream();
        foreach (var (name, data) in entries)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(name);
            uint offset = (uint)file.Position, size = claimedBytes ?? (uint)data.Length;
            file.Write(Numbers(0x04034B50u, (ushort)20, (ushort)0, method, 0u, 0u, size, size, (ushort)utf8.Length, (ushort)0));
            file.Write(utf8);
            file.Write(data);
            directory.Write(Numbers(0x02014B50u, (ushort)20, (ushort)20, (ushort)0, method, 0u, 0u, size, size, (ushort)utf8.Length, (ushort)0, (ushort)0,
                (ushort)0, (ushort)0, 0u, offset));
            directory.Write(utf8);
        }
        uint start = (uint)file.Position;
        directory.WriteTo(file);
        file.Write(Numbers(0x06054B50u, 0u, (ushort)entries.Length, (ushort)entries.Length, (uint)directory.Length, start, (ushort)0));
        return file.ToArray();
    }

    /// <summary>A zip whose every size and offset stands in the fields for 64 bits, as beyond 4 GB.</summary>
    public static byte[] Archive64(params (string Name, byte[] Data)[] entries)
    {
        var file = new MemoryStream();
        var directory = new MemoryStream();
        foreach (var (name, data) in entries)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(name);
            long offset = file.Position, size = data.Length;
            file.Write(Numbers(0x04034B50u, (ushort)45, (ushort)0, (ushort)0, 0u, 0u, uint.MaxValue, uint.MaxValue, (ushort)utf8.Length, (ushort)20));
            file.Write(utf8);
            file.Write(Numbers((ushort)1, (ushort)16, size, size));
            file.Write(data);
            // Another extra field stands before the one that counts.
            directory.Write(Numbers(0x02014B50u, (ushort)45, (ushort)45, (ushort)0, (ushort)0, 0u, 0u, uint.MaxValue, uint.MaxValue,
                (ushort)utf8.Length, (ushort)36, (ushort)0, (ushort)0, (ushort)0, 0u, uint.MaxValue));
            directory.Write(utf8);
            directory.Write(Numbers((ushort)0x4246, (ushort)4, 0u, (ushort)1, (ushort)24, size, size, offset));
        }
        long start = file.Position, length = directory.Length, count = entries.Length;
        directory.WriteTo(file);
        long end = file.Position;
        file.Write(Numbers(0x06064B50u, 44L, (ushort)45, (ushort)45, 0u, 0u, count, count, length, start));
        file.Write(Numbers(0x07064B50u, 0u, end, 1u));
        file.Write(Numbers(0x06054B50u, 0u, ushort.MaxValue, ushort.MaxValue, uint.MaxValue, uint.MaxValue, (ushort)0));
        return file.ToArray();
    }

    /// <summary>The layout of PyTorch before 1.6: magic, protocol, system, state dictionary, keys, storages.</summary>
    public static byte[] Legacy(byte[] pickle, params (string Key, long Count, byte[] Data)[] storages)
    {
        var file = new MemoryStream();
        file.Write([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.']);
        file.Write(new Pickle().Integer(1001).Op('.').ToArray());
        file.Write(Pickle.StateDictionary().Text("protocol_version").Integer(1001).Text("little_endian").Raw(0x88).Close());
        file.Write(pickle);
        var keys = new Pickle().Op(']').Op('(');
        foreach (var (key, _, _) in storages) keys.Text(key);
        file.Write(keys.Op('e').Op('.').ToArray());
        foreach (var (_, count, data) in storages)
        {
            file.Write(Numbers(count));
            file.Write(data);
        }
        return file.ToArray();
    }

    public static byte[] Floats(params float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    /// <summary>Numbers as little-endian bytes, each as wide as its type.</summary>
    public static byte[] Numbers(params object[] numbers)
    {
        var bytes = new List<byte>();
        foreach (object number in numbers)
        {
            byte[] wide = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(wide, Convert.ToInt64(number));
            bytes.AddRange(wide[..(number is ushort ? 2 : number is uint ? 4 : 8)]);
        }
        return [.. bytes];
    }
}
