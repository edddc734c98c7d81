namespace DistillEngine.Core;

/// <summary>Writes files so that a reader, or a crash at any moment, sees the old content or the new, never a part.</summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="path"/> through a temporary file beside it, which is flushed to the disk and then renamed.</summary>
    /// <param name="write">Writes the content; when it throws, the temporary file is removed and the target stays as it was.</param>
    /// <exception cref="IOException">The folder does not exist, is not writable, or the disk is full.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
