using System.Runtime.InteropServices;
using System.Text;

namespace DistillEngine.Verification;

/// <summary>CRC-32 as zlib computes it: reflected, polynomial 0x04C11DB7.</summary>
static class Crc32
{
    static readonly uint[] Table = MakeTable();

    /// <summary>Of a text's UTF-8.</summary>
    public static long Of(string text) => Of(Encoding.UTF8.GetBytes(text));

    /// <summary>Of ids as little-endian int32.</summary>
    public static long Of(ReadOnlySpan<int> ids) => Of(MemoryMarshal.AsBytes(ids));

    static long Of(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes) crc = (crc >> 8) ^ Table[(byte)(crc ^ b)];
        return ~crc;
    }

    static uint[] MakeTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (0xEDB88320 & (0 - (value & 1)));
            table[i] = value;
        }
        return table;
    }
}
