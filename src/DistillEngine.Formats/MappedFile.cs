using System.IO.MemoryMappedFiles;
using DistillEngine.Core;

namespace DistillEngine.Formats;

/// <summary>A file mapped read-only into memory: opening it reads nothing, and pages are read when they are first touched.</summary>
/// <remarks>
/// A file must not be shortened in place while it is mapped: the system ends the process that touches a page that is gone.
/// Replacing it by rename, as <see cref="AtomicFile"/> does, is safe: the mapping keeps the old contents.
/// </remarks>
sealed unsafe class MappedFile : IDisposable
{
    readonly MemoryMappedFile? _mapping;
    readonly MemoryMappedViewAccessor? _view;
    byte* _start;
    bool _disposed;

    /// <exception cref="IOException">The file is absent or cannot be read.</exception>
    public MappedFile(string path)
    {
        Path = path;
        using var handle = File.OpenHandle(path);
        Length = RandomAccess.GetLength(handle);
        // The system refuses to map an empty file.
        if (Length == 0) return;
        _mapping = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _view = _mapping.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _start += _view.PointerOffset;
    }

    public string Path { get; }

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>The bytes offset … offset + length − 1. Callers have validated the range against <see cref="Length"/>.</summary>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        return new(_start + offset, length);
    }

    /// <summary>Address of a byte, for reads that a span's 31-bit length cannot describe.</summary>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public byte* Pointer(long offset)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _start + offset;
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_view is not null)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
        }
        _mapping?.Dispose();
    }
}
