using System.Diagnostics.CodeAnalysis;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>One memory-mapped safetensors file, validated when it is opened.</summary>
public sealed class SafetensorsFile : TensorSource
{
    readonly MappedFile _file;
    readonly Dictionary<string, SafetensorsHeader.Entry> _entries = new(StringComparer.Ordinal);
    readonly string[] _names;

    SafetensorsFile(MappedFile file)
    {
        _file = file;
        var header = SafetensorsHeader.Read(file);
        Metadata = header.Metadata;
        _names = new string[header.Entries.Count];
        for (int i = 0; i < _names.Length; i++)
        {
            var entry = header.Entries[i];
            _names[i] = entry.Info.Name;
            _entries.Add(entry.Info.Name, entry);
        }
    }

    public override string Path => _file.Path;

    /// <summary>Names of all tensors, in the order of the data.</summary>
    public override IReadOnlyCollection<string> Names => _names;

    /// <summary>The header's <c>__metadata__</c>; empty when it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Maps a file and reads its header.</summary>
    /// <exception cref="InvalidDataException">The file breaks the format; the message names path, tensor and reason.</exception>
    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public static SafetensorsFile Open(string path)
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
        info = _entries.TryGetValue(name, out var entry) ? entry.Info : null;
        return info is not null;
    }

    protected internal override void ReadElements(string name, long start, Span<byte> destination)
    {
        var entry = _entries[name];
        _file.Span(entry.Offset + start * entry.Info.DType.SizeInBytes(), destination.Length).CopyTo(destination);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
    }
}
