using System.Buffers.Binary;
using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>Reads and validates what stands before the data of a safetensors file.</summary>
/// <remarks>
/// Source: huggingface/safetensors, README "Format" and <c>tensor.rs</c>, whose validator accepts the same files: offsets start at 0,
/// leave no hole and do not overlap, each size is the shape times the element type, and the last tensor ends the file.
/// </remarks>
sealed class SafetensorsHeader
{
    /// <summary>The reference implementation's bound on the header.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    public const string MetadataKey = "__metadata__";

    const int LengthBytes = sizeof(ulong);

    readonly string _path;

    SafetensorsHeader(string path) => _path = path;

    /// <summary>One tensor and the file offset of its first byte.</summary>
    public readonly record struct Entry(TensorInfo Info, long Offset);

    /// <summary>In the order of the data.</summary>
    public List<Entry> Entries { get; } = [];

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">The header breaks the format.</exception>
    public static SafetensorsHeader Read(MappedFile file)
    {
        string path = file.Path;
        if (file.Length < LengthBytes)
            Malformed.Throw(path, $"the file has {file.Length} bytes, expected at least the 8 of the header length");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, LengthBytes));
        if (length > MaxHeaderBytes)
            Malformed.Throw(path, $"the header length {length} exceeds the format's limit of {MaxHeaderBytes}",
                "Check that this is a safetensors file.");
        if ((long)length > file.Length - LengthBytes)
            Malformed.Throw(path, $"the header needs {length} bytes, but only {file.Length - LengthBytes} follow: the file is cut short");
        var json = file.Span(LengthBytes, (int)length);
        if (json.IsEmpty || json[0] != (byte)'{')
            Malformed.Throw(path, "the header does not start with '{'", "Check that this is a safetensors file.");

        var header = new SafetensorsHeader(path);
        try
        {
            header.ReadObject(json);
        }
        // The reader reports broken UTF-8 inside a string as an invalid operation.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            Malformed.Throw(path, $"the header is not valid JSON: {e.Message.TrimEnd('.')}", cause: e);
        }
        header.CheckLayout(LengthBytes + (long)length, file.Length);
        return header;
    }

    void ReadObject(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var names = new HashSet<string>(StringComparer.Ordinal);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name)) Malformed.Throw(_path, $"the header names '{Malformed.Shorten(name)}' twice");
            reader.Read();
            if (name == MetadataKey) ReadMetadata(ref reader);
            else ReadTensor(name, ref reader);
        }
        // Only white space may pad the header; anything else makes this throw.
        reader.Read();
    }

    void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) Malformed.Throw(_path, $"'{MetadataKey}' is not an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                Malformed.Throw(_path, $"'{MetadataKey}' holds a value other than a string at '{Malformed.Shorten(key)}'");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                Malformed.Throw(_path, $"'{MetadataKey}' names '{Malformed.Shorten(key)}' twice");
        }
    }

    void ReadTensor(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) Malformed.ThrowTensor(_path, name, "is not described by an object");
        string? typeName = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isType = reader.ValueTextEquals("dtype"u8), isShape = reader.ValueTextEquals("shape"u8);
            bool isOffsets = reader.ValueTextEquals("data_offsets"u8);
            if (isType && typeName is not null || isShape && shape is not null || isOffsets && offsets is not null)
                Malformed.ThrowTensor(_path, name, $"gives '{reader.GetString()}' twice");
            reader.Read();
            if (isType) typeName = reader.TokenType == JsonTokenType.String ? reader.GetString() : "";
            else if (isShape) shape = ReadNumbers(name, "shape", ref reader);
            else if (isOffsets) offsets = ReadNumbers(name, "data_offsets", ref reader);
            else reader.Skip();
        }
        if (typeName is null) Malformed.ThrowTensor(_path, name, "has no 'dtype'");
        if (shape is null) Malformed.ThrowTensor(_path, name, "has no 'shape'");
        if (offsets is null) Malformed.ThrowTensor(_path, name, "has no 'data_offsets'");
        AddEntry(name, typeName, shape, offsets);
    }

    long[] ReadNumbers(string name, string key, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) Malformed.ThrowTensor(_path, name, $"has a '{key}' that is not an array");
        var numbers = new List<long>(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long number = -1;
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out number) || number < 0)
                Malformed.ThrowTensor(_path, name, $"has a '{key}' with an entry that is not an integer from 0 to 2^63 - 1");
            numbers.Add(number);
        }
        return numbers.ToArray();
    }

    void AddEntry(string name, string typeName, long[] shape, long[] offsets)
    {
        if (SafetensorsTypes.Parse(typeName) is not { } type)
        {
            Malformed.ThrowTensor(_path, name, $"has the element type '{Malformed.Shorten(typeName)}', which is not supported",
                "Save the model in F32, F16 or BF16.");
            return;
        }
        if (!TensorInfo.TryCount(shape, type.SizeInBytes(), out long count))
            Malformed.ThrowTensor(_path, name, $"has the shape {TensorInfo.Describe(shape)}, whose size exceeds 63 bits");
        if (offsets.Length != 2 || offsets[0] > offsets[1])
            Malformed.ThrowTensor(_path, name, $"has data_offsets {TensorInfo.Describe(offsets)}, expected [begin, end]");
        long expected = count * type.SizeInBytes();
        if (offsets[1] - offsets[0] != expected)
            Malformed.ThrowTensor(_path, name,
                $"spans {offsets[1] - offsets[0]} bytes, but {typeName} {TensorInfo.Describe(shape)} needs {expected}");
        Entries.Add(new(new(name, type, shape), offsets[0]));
    }

    /// <summary>Checks that the tensors tile the data exactly, and turns their offsets into offsets in the file.</summary>
    void CheckLayout(long dataStart, long fileLength)
    {
        Entries.Sort(static (a, b) =>
        {
            int order = a.Offset.CompareTo(b.Offset);
            // Empty tensors share an offset with their neighbour and come before it.
            return order != 0 ? order : a.Info.ByteLength.CompareTo(b.Info.ByteLength);
        });
        long end = 0;
        for (int i = 0; i < Entries.Count; i++)
        {
            var (info, offset) = Entries[i];
            if (offset != end)
                Malformed.ThrowTensor(_path, info.Name,
                    $"starts at data byte {offset}, but the tensor before it ends at {end}: the data has {(offset > end ? "a hole" : "an overlap")}");
            end += info.ByteLength;
            // Checked for each tensor, so that the sum cannot overflow.
            if (end > fileLength - dataStart)
                Malformed.ThrowTensor(_path, info.Name,
                    $"ends at data byte {end}, but the file has only {fileLength - dataStart} bytes of data: the file is cut short");
            Entries[i] = new(info, dataStart + offset);
        }
        if (end != fileLength - dataStart)
            Malformed.Throw(_path, $"the tensors end at data byte {end}, but the file has {fileLength - dataStart} bytes of data");
    }
}
