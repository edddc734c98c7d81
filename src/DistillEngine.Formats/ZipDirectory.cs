using System.Buffers.Binary;
using System.Text;

namespace DistillEngine.Formats;

/// <summary>
/// The entries of a zip file, 64-bit sizes included, as offsets into the mapped file. Only stored entries can be located: PyTorch
/// compresses none, so nothing is ever inflated.
/// </summary>
/// <remarks>Source: PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3.</remarks>
sealed class ZipDirectory
{
    const uint LocalHeaderSignature = 0x04034B50, CentralHeaderSignature = 0x02014B50, EndSignature = 0x06054B50;
    const uint End64Signature = 0x06064B50, Locator64Signature = 0x07064B50;
    const int LocalHeaderBytes = 30, CentralHeaderBytes = 46, EndBytes = 22, End64Bytes = 56, Locator64Bytes = 20;
    const int MaxCommentBytes = ushort.MaxValue;
    const ushort Extra64 = 1;
    const int EncryptedFlag = 1;

    // A model of 100,000 tensors needs 10 MB of directory.
    const int MaxDirectoryBytes = 64 << 20;

    static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    readonly MappedFile _file;
    readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">The directory breaks the format.</exception>
    public ZipDirectory(MappedFile file)
    {
        _file = file;
        var (offset, length) = FindDirectory();
        if (offset < 0 || length < 0 || offset > file.Length - length)
            Malformed.Throw(file.Path, $"the zip directory at {offset} of {length} bytes leaves the file: the file is cut short");
        if (length > MaxDirectoryBytes)
            Malformed.Throw(file.Path, $"the zip directory has {length} bytes, expected at most {MaxDirectoryBytes}");
        ReadEntries(file.Span(offset, (int)length), offset);
    }

    readonly record struct Entry(int Method, int Flags, long StoredBytes, long Bytes, long HeaderOffset);

    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>Where the contents of an entry lie in the file.</summary>
    /// <exception cref="InvalidDataException">There is no such entry, or it is compressed, encrypted or outside the file.</exception>
    public (long Offset, long Length) Locate(string name)
    {
        string shown = Malformed.Shorten(name);
        if (!_entries.TryGetValue(name, out var entry)) Malformed.Throw(_file.Path, $"the zip entry '{shown}' is missing");
        if (entry.Method != 0 || (entry.Flags & EncryptedFlag) != 0)
            Malformed.Throw(_file.Path, $"the zip entry '{shown}' is compressed or encrypted, which PyTorch never does",
                "Save the file again with torch.save.");
        if (entry.StoredBytes != entry.Bytes)
            Malformed.Throw(_file.Path, $"the zip entry '{shown}' claims {entry.Bytes} bytes stored in {entry.StoredBytes}");
        if (entry.HeaderOffset < 0 || entry.HeaderOffset > _file.Length - LocalHeaderBytes)
            Malformed.Throw(_file.Path, $"the zip entry '{shown}' starts outside the file");
        var header = _file.Span(entry.HeaderOffset, LocalHeaderBytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalHeaderSignature)
            Malformed.ThrowAt(_file.Path, entry.HeaderOffset, $"the zip entry '{shown}' has no local header there");
        // Only the local header tells how long its own name and padding are; sizes may be absent from it.
        int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[26..]), extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        long offset = entry.HeaderOffset + LocalHeaderBytes + nameBytes + extraBytes;
        if (entry.Bytes < 0 || offset > _file.Length - entry.Bytes)
            Malformed.Throw(_file.Path,
                $"the zip entry '{shown}' claims {entry.Bytes} bytes at {offset}, beyond the file's {_file.Length}");
        return (offset, entry.Bytes);
    }

    (long Offset, long Length) FindDirectory()
    {
        int tailBytes = (int)Math.Min(_file.Length, EndBytes + MaxCommentBytes);
        long tailOffset = _file.Length - tailBytes;
        var tail = _file.Span(tailOffset, tailBytes);
        for (int i = tailBytes - EndBytes; i >= 0; i--)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(tail[i..]) != EndSignature) continue;
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(tail[(i + 12)..]);
            uint offset = BinaryPrimitives.ReadUInt32LittleEndian(tail[(i + 16)..]);
            if (length != uint.MaxValue && offset != uint.MaxValue) return (offset, length);
            return FindDirectory64(tailOffset + i - Locator64Bytes);
        }
        Malformed.Throw(_file.Path, "the zip directory is missing: the file is cut short");
        return default;
    }

    (long Offset, long Length) FindDirectory64(long locatorOffset)
    {
        if (locatorOffset < 0 || BinaryPrimitives.ReadUInt32LittleEndian(_file.Span(locatorOffset, Locator64Bytes)) != Locator64Signature)
            Malformed.Throw(_file.Path, "the locator of the 64-bit zip directory is missing");
        long endOffset = BinaryPrimitives.ReadInt64LittleEndian(_file.Span(locatorOffset + 8, sizeof(long)));
        if (endOffset < 0 || endOffset > _file.Length - End64Bytes
            || BinaryPrimitives.ReadUInt32LittleEndian(_file.Span(endOffset, End64Bytes)) != End64Signature)
            Malformed.Throw(_file.Path, $"the 64-bit zip directory is not at {endOffset}, where the file says");
        var end = _file.Span(endOffset, End64Bytes);
        return (BinaryPrimitives.ReadInt64LittleEndian(end[48..]), BinaryPrimitives.ReadInt64LittleEndian(end[40..]));
    }

    void ReadEntries(ReadOnlySpan<byte> directory, long fileOffset)
    {
        int position = 0;
        while (position < directory.Length)
        {
            var rest = directory[position..];
            if (rest.Length < CentralHeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(rest) != CentralHeaderSignature)
                Malformed.ThrowAt(_file.Path, fileOffset + position, "the zip directory is broken");
            int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[28..]);
            int extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[30..]);
            int commentBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[32..]);
            int length = CentralHeaderBytes + nameBytes + extraBytes + commentBytes;
            if (rest.Length < length) Malformed.ThrowAt(_file.Path, fileOffset + position, "a zip directory entry leaves the directory");
            var entry = ReadEntry(rest, rest.Slice(CentralHeaderBytes + nameBytes, extraBytes), fileOffset + position);
            string name = ReadName(rest.Slice(CentralHeaderBytes, nameBytes), fileOffset + position);
            if (!_entries.TryAdd(name, entry))
                Malformed.ThrowAt(_file.Path, fileOffset + position, $"the zip holds '{Malformed.Shorten(name)}' twice");
            position += length;
        }
    }

    string ReadName(ReadOnlySpan<byte> utf8, long fileOffset)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{_file.Path}: at byte {fileOffset}: a zip entry's name is not UTF-8. {Malformed.SaveAgain}", e);
        }
    }

    Entry ReadEntry(ReadOnlySpan<byte> header, ReadOnlySpan<byte> extra, long fileOffset)
    {
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        int method = BinaryPrimitives.ReadUInt16LittleEndian(header[10..]);
        long stored = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        long bytes = BinaryPrimitives.ReadUInt32LittleEndian(header[24..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(header[42..]);
        var wide = FindExtra64(extra);
        // The extra field holds, in this order, only those numbers that do not fit in 32 bits.
        bytes = Widen(bytes, ref wide, fileOffset);
        stored = Widen(stored, ref wide, fileOffset);
        offset = Widen(offset, ref wide, fileOffset);
        return new(method, flags, stored, bytes, offset);
    }

    long Widen(long value, ref ReadOnlySpan<byte> wide, long fileOffset)
    {
        if (value != uint.MaxValue) return value;
        if (wide.Length < sizeof(long)) Malformed.ThrowAt(_file.Path, fileOffset, "a zip entry lacks its 64-bit sizes");
        long number = BinaryPrimitives.ReadInt64LittleEndian(wide);
        wide = wide[sizeof(long)..];
        return number;
    }

    static ReadOnlySpan<byte> FindExtra64(ReadOnlySpan<byte> extra)
    {
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra);
            int length = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]), extra.Length - 4);
            if (id == Extra64) return extra.Slice(4, length);
            extra = extra[(4 + length)..];
        }
        return default;
    }
}
