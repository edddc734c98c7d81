using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>
/// Writes safetensors files that equal, byte for byte, those of the reference implementation for the same tensors: ordered by element
/// type, widest first, then by name; compact header, padded with spaces so that the data starts at a multiple of 8.
/// </summary>
public static class SafetensorsWriter
{
    const int BlockBytes = 1 << 20;

    static readonly Dictionary<string, string> DefaultMetadata = new() { ["format"] = "pt" };

    /// <summary>Writes one file atomically; see <see cref="AtomicFile"/>.</summary>
    /// <param name="path">Where the file will stand; its folder must exist.</param>
    /// <param name="metadata">The header's metadata; null writes <c>{"format":"pt"}</c>, without which Hugging Face's loader refuses a file.</param>
    /// <exception cref="ArgumentException">Two tensors share a name, or one has the reserved name <c>__metadata__</c>.</exception>
    /// <exception cref="IOException">The file cannot be written; what stood at the path is unchanged.</exception>
    public static void Write(string path, IReadOnlyList<TensorToSave> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes the contents of one file.</summary>
    /// <inheritdoc cref="Write(string, IReadOnlyList{TensorToSave}, IReadOnlyDictionary{string, string})"/>
    public static void Write(Stream stream, IReadOnlyList<TensorToSave> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = Order(tensors);
        WriteHeader(stream, ordered, metadata ?? DefaultMetadata);
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            foreach (var tensor in ordered) WriteData(stream, tensor, block.AsSpan(0, BlockBytes));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    /// <summary>Checks that names are unique and usable.</summary>
    internal static void CheckNames(IReadOnlyList<TensorToSave> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in tensors)
        {
            string name = tensor.Info.Name;
            if (name == SafetensorsHeader.MetadataKey)
                throw new ArgumentException($"A tensor cannot be named '{name}': the format reserves it.", nameof(tensors));
            if (!names.Add(name)) throw new ArgumentException($"Two tensors are named '{name}'.", nameof(tensors));
        }
    }

    static TensorToSave[] Order(IReadOnlyList<TensorToSave> tensors)
    {
        CheckNames(tensors);
        TensorToSave[] ordered = [.. tensors];
        Array.Sort(ordered, static (a, b) =>
        {
            int order = SafetensorsTypes.WriteOrder(b.Info.DType).CompareTo(SafetensorsTypes.WriteOrder(a.Info.DType));
            return order != 0 ? order : string.CompareOrdinal(a.Info.Name, b.Info.Name);
        });
        return ordered;
    }

    static void WriteHeader(Stream stream, TensorToSave[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Info.Name);
                json.WriteString("dtype", SafetensorsTypes.Name(tensor.Info.DType));
                json.WriteStartArray("shape");
                foreach (long extent in tensor.Info.Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Info.ByteLength);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        int padded = (buffer.WrittenCount + 7) / 8 * 8;
        if (padded > SafetensorsHeader.MaxHeaderBytes)
        {
            throw new ArgumentException(
                $"The header of {tensors.Length} tensors needs {padded} bytes, above the format's limit of {SafetensorsHeader.MaxHeaderBytes}. "
                + "Write several files.");
        }
        buffer.GetSpan(padded - buffer.WrittenCount)[..(padded - buffer.WrittenCount)].Fill((byte)' ');
        buffer.Advance(padded - buffer.WrittenCount);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)padded);
        stream.Write(length);
        stream.Write(buffer.WrittenSpan);
    }

    static void WriteData(Stream stream, TensorToSave tensor, Span<byte> block)
    {
        int size = tensor.Info.DType.SizeInBytes();
        int perBlock = block.Length / size;
        for (long done = 0; done < tensor.Info.Count;)
        {
            int count = (int)Math.Min(perBlock, tensor.Info.Count - done);
            var bytes = block[..(count * size)];
            tensor.CopyTo(done, bytes);
            stream.Write(bytes);
            done += count;
        }
    }
}
