using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace DistillEngine.Tests.Data;

/// <summary>The int64 tensors of a safetensors golden, flat.</summary>
sealed class Int64Tensors
{
    readonly byte[] _bytes;
    readonly Dictionary<string, (int Start, int End)> _ranges = [];

    public Int64Tensors(string path)
    {
        _bytes = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(_bytes);
        using var document = JsonDocument.Parse(_bytes.AsMemory(8, header));
        foreach (var tensor in document.RootElement.EnumerateObject())
        {
            if (tensor.Name == "__metadata__") continue;
            var offsets = tensor.Value.GetProperty("data_offsets");
            _ranges[tensor.Name] = (8 + header + offsets[0].GetInt32(), 8 + header + offsets[1].GetInt32());
        }
    }

    public long[] this[string name]
    {
        get
        {
            var (start, end) = _ranges[name];
            return MemoryMarshal.Cast<byte, long>(_bytes.AsSpan(start, end - start)).ToArray();
        }
    }
}
