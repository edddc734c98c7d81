using System.Text;

namespace DistillEngine.Core;

/// <summary>
/// A file that appears under its name only when it is complete: written under a temporary name in the same folder, synchronised to
/// disk, then renamed. A reader sees the old contents or the new, never a part; after a crash, <see cref="Leftovers"/> finds the rest.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    readonly string _temporary;
    FileStream? _stream;
    bool _committed;

    /// <summary>Starts a file that will stand at <paramref name="path"/>; its folder must exist.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="IOException">The temporary file cannot be created.</exception>
    public AtomicFile(string path)
    {
        FinalPath = Path.GetFullPath(path);
        if (!Directory.Exists(Path.GetDirectoryName(FinalPath)))
            throw new DirectoryNotFoundException($"{path}: its folder does not exist. Create it, or write elsewhere.");
        _temporary = Leftovers.NewPartial(FinalPath);
        _stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
    }

    /// <summary>Where the file will stand.</summary>
    public string FinalPath { get; }

    /// <summary>Takes the contents, until <see cref="Seal"/> or <see cref="Commit"/>.</summary>
    /// <exception cref="InvalidOperationException">The contents are sealed.</exception>
    public Stream Stream => _stream ?? throw new InvalidOperationException($"{FinalPath}: the contents are sealed.");

    /// <summary>Ends the contents and brings them to disk, still under the temporary name: all that may fail for want of space is then done.</summary>
    public void Seal()
    {
        if (_stream is null) return;
        _stream.Flush(flushToDisk: true);
        _stream.Dispose();
        _stream = null;
    }

    /// <summary>Seals the contents and renames the file into place, replacing one that is there.</summary>
    /// <exception cref="InvalidOperationException">It was committed before.</exception>
    public void Commit()
    {
        if (_committed) throw new InvalidOperationException($"{FinalPath}: the file is already committed.");
        Seal();
        File.Move(_temporary, FinalPath, overwrite: true);
        _committed = true;
        DirectorySync.Flush(Path.GetDirectoryName(FinalPath)!);
    }

    /// <summary>Deletes the temporary file unless it was committed.</summary>
    public void Dispose()
    {
        try
        {
            // Closing writes what is buffered, which fails again on a full disk.
            _stream?.Dispose();
        }
        finally
        {
            _stream = null;
            if (!_committed) File.Delete(_temporary);
        }
    }

    /// <summary>Writes a whole file; when <paramref name="write"/> throws, the file at <paramref name="path"/> stays as it was.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        using var file = new AtomicFile(path);
        write(file.Stream);
        file.Commit();
    }

    /// <inheritdoc cref="Write"/>
    public static void WriteAllBytes(string path, ReadOnlySpan<byte> contents)
    {
        using var file = new AtomicFile(path);
        file.Stream.Write(contents);
        file.Commit();
    }

    /// <summary>Writes a text file in UTF-8 without a byte order mark.</summary>
    public static void WriteAllText(string path, string contents) => WriteAllBytes(path, Encoding.UTF8.GetBytes(contents));
}
