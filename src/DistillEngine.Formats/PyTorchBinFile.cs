using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>
/// A memory-mapped <c>pytorch_model.bin</c>: a dictionary of tensors saved by <c>torch.save</c>, in the zip layout or in the legacy
/// layout of PyTorch before 1.6. Its pickle is read by code that knows tensors only and executes nothing.
/// </summary>
/// <remarks>
/// Tensors may share storages and may be strided views; compressed zip entries, big-endian data, views that repeat elements and
/// dictionaries that hold anything but tensors are refused. Source: <c>torch/serialization.py</c>.
/// </remarks>
public sealed class PyTorchBinFile : TensorSource
{
    /// <summary>Part of the message about a pickle that asks for what no dictionary of tensors holds: programs, or opcodes that build
    /// them.</summary>
    public const string NotNeeded = "which tensors do not need";

    // PROTO n, LONG1 of 10 bytes: 0x1950A86A20F9469CFC6C, STOP. The protocol, byte 1, may differ.
    static ReadOnlySpan<byte> LegacyMagic => [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.'];

    const long LegacyProtocol = 1001;
    const string PickleName = "/data.pkl";

    readonly MappedFile _file;
    readonly Dictionary<string, (TensorInfo Info, PickledTensor Tensor)> _tensors = new(StringComparer.Ordinal);
    readonly List<string> _names = [];

    PyTorchBinFile(MappedFile file)
    {
        _file = file;
        if (file.Length >= 4 && file.Span(0, 4).SequenceEqual("PK\x03\x04"u8)) ReadZip();
        else if (IsLegacy()) ReadLegacy();
        else Malformed.Throw(Path, "the file is neither a zip nor a legacy file of torch.save",
            "Check that it is the weights file itself and not, for example, a Git LFS pointer.");
    }

    public override string Path => _file.Path;

    /// <summary>Names of all tensors, in the order in which they were saved.</summary>
    public override IReadOnlyCollection<string> Names => _names;

    /// <summary>Maps a file and reads its pickle.</summary>
    /// <exception cref="InvalidDataException">The file breaks the format, or asks for anything but tensors; the message names path, offset and
    /// reason.</exception>
    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public static PyTorchBinFile Open(string path)
    {
        var file = new MappedFile(path);
        try
        {
            return new(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override bool TryGetInfo(string name, [NotNullWhen(true)] out TensorInfo? info)
    {
        info = _tensors.TryGetValue(name, out var found) ? found.Info : null;
        return info is not null;
    }

    protected internal override void ReadElements(string name, long start, Span<byte> destination) =>
        _tensors[name].Tensor.Copy(_file, start, destination);

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
    }

    void ReadZip()
    {
        var zip = new ZipDirectory(_file);
        string prefix = FindPrefix(zip);
        if (zip.Names.Contains(prefix + "/byteorder"))
        {
            var (orderOffset, orderLength) = zip.Locate(prefix + "/byteorder");
            if (orderLength != 6 || !_file.Span(orderOffset, 6).SequenceEqual("little"u8))
                Malformed.Throw(Path, "the byte order is not 'little'", "Save the file again on a little-endian machine.");
        }
        var (offset, length) = zip.Locate(prefix + PickleName);
        if (length > PickleReader.MaxBytes)
            Malformed.Throw(Path, $"the pickle has {length} bytes, expected at most {PickleReader.MaxBytes}");
        var tensors = new PickleTensors();
        var reader = new PickleReader(_file.Span(offset, (int)length), Path, offset, tensors);
        object? root = reader.Read();
        foreach (var storage in tensors.Storages.Values)
        {
            var (dataOffset, dataLength) = zip.Locate($"{prefix}/data/{storage.Key}");
            int size = storage.DType.SizeInBytes();
            if (dataLength % size != 0 || dataLength / size != storage.Count)
                Malformed.ThrowAt(Path, dataOffset,
                    $"storage '{Malformed.Shorten(storage.Key)}' has {dataLength} bytes, but the pickle says {storage.Count} elements of {storage.DType}");
            storage.DataOffset = dataOffset;
        }
        Collect(root, offset);
    }

    string FindPrefix(ZipDirectory zip)
    {
        string? found = null;
        foreach (string name in zip.Names)
        {
            if (!name.EndsWith(PickleName, StringComparison.Ordinal) || name.IndexOf('/') != name.Length - PickleName.Length) continue;
            if (found is not null) Malformed.Throw(Path, "the zip holds two pickles named data.pkl");
            found = name[..^PickleName.Length];
        }
        if (found is null)
            Malformed.Throw(Path, "the zip holds no data.pkl: it is no file of torch.save", "Check that it is a model's weights.");
        return found;
    }

    bool IsLegacy()
    {
        if (_file.Length < LegacyMagic.Length) return false;
        var head = _file.Span(0, LegacyMagic.Length);
        return head[0] == LegacyMagic[0] && head[2..].SequenceEqual(LegacyMagic[2..]);
    }

    void ReadLegacy()
    {
        long position = LegacyMagic.Length;
        var tensors = new PickleTensors();
        if (ReadPickle(ref position, tensors) is not LegacyProtocol)
            Malformed.Throw(Path, $"the legacy file's protocol is not {LegacyProtocol}");
        if (ReadPickle(ref position, tensors) is not OrderedDictionary<string, object?> system
            || !system.TryGetValue("little_endian", out object? little) || little is not true)
            Malformed.Throw(Path, "the legacy file does not say that it is little-endian",
                "Save the file again on a little-endian machine.");
        long pickleOffset = position;
        object? root = ReadPickle(ref position, tensors);
        if (ReadPickle(ref position, tensors) is not List<object?> keys)
        {
            Malformed.ThrowAt(Path, position, "the list of storages is missing");
            return;
        }
        foreach (object? key in keys) ReadStorage(key, tensors, ref position);
        foreach (var storage in tensors.Storages.Values)
            if (storage.DataOffset < 0) Malformed.Throw(Path, $"storage '{Malformed.Shorten(storage.Key)}' has no data");
        if (position != _file.Length) Malformed.ThrowAt(Path, position, $"{_file.Length - position} bytes follow the last storage");
        Collect(root, pickleOffset);
    }

    object? ReadPickle(ref long position, PickleTensors tensors)
    {
        int length = (int)Math.Min(PickleReader.MaxBytes, _file.Length - position);
        var reader = new PickleReader(_file.Span(position, length), Path, position, tensors);
        object? value = reader.Read();
        position += reader.Position;
        return value;
    }

    void ReadStorage(object? key, PickleTensors tensors, ref long position)
    {
        if (key is not string text || !tensors.Storages.TryGetValue(text, out var storage))
        {
            Malformed.ThrowAt(Path, position, "the list of storages names one that no tensor uses");
            return;
        }
        if (storage.DataOffset >= 0) Malformed.ThrowAt(Path, position, $"storage '{Malformed.Shorten(text)}' is listed twice");
        if (_file.Length - position < sizeof(long)) Malformed.ThrowAt(Path, position, "the file is cut short before a storage");
        long count = BinaryPrimitives.ReadInt64LittleEndian(_file.Span(position, sizeof(long)));
        if (count != storage.Count)
            Malformed.ThrowAt(Path, position,
                $"storage '{Malformed.Shorten(text)}' has {count} elements, but the pickle says {storage.Count}");
        position += sizeof(long);
        int size = storage.DType.SizeInBytes();
        if (count > (_file.Length - position) / size)
            Malformed.ThrowAt(Path, position,
                $"storage '{Malformed.Shorten(text)}' needs {count} elements of {storage.DType}, but the file ends: it is cut short");
        storage.DataOffset = position;
        position += count * size;
    }

    void Collect(object? root, long pickleOffset)
    {
        if (root is not OrderedDictionary<string, object?> dictionary)
        {
            Malformed.ThrowAt(Path, pickleOffset, "the file holds no dictionary of tensors", "Save a model's state_dict().");
            return;
        }
        foreach (var (name, value) in dictionary)
        {
            if (value is not PickledTensor tensor)
            {
                Malformed.ThrowTensor(Path, name, "is no tensor but another object", "Save a model's state_dict() alone.");
                return;
            }
            _tensors.Add(name, (new(name, tensor.Storage.DType, tensor.Shape), tensor));
            _names.Add(name);
        }
    }
}
