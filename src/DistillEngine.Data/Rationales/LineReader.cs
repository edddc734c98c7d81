using System.IO.Compression;

namespace DistillEngine.Data.Rationales;

/// <summary>Lines of a file, plain or gzip, as bytes without their line feed. Holds one line at a time.</summary>
public sealed class LineReader : IDisposable
{
    /// <summary>A longer line is no row: it bounds what a small compressed file can make the reader hold.</summary>
    const int MaxLineBytes = 64 << 20;

    readonly string _path;
    readonly Stream _stream;
    byte[] _buffer = new byte[1 << 16];
    int _start;
    int _end;
    bool _isDone;

    /// <param name="expected">What the file should be, for errors.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is a folder, or gzip by name only.</exception>
    public LineReader(string path, string expected = "a rationale file")
    {
        _path = path;
        if (Directory.Exists(path)) throw new InvalidDataException($"{path}: is a folder (expected {expected}).");
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such file (expected {expected}).", path);
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1);
        // A pipe cannot go back, so what tells gzip apart stays in the buffer.
        _end = file.ReadAtLeast(_buffer.AsSpan(0, 2), 2, throwOnEndOfStream: false);
        bool isGzip = _buffer.AsSpan(0, _end) is [0x1F, 0x8B];
        string? problem = (isGzip, file.CanSeek) switch
        {
            (true, false) => "is gzip from a pipe (expected a file, or lines that are decompressed: gzip -dc)",
            (false, _) when path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) =>
                "the name ends in .gz but the content is not gzip (expected gzip; rename the file)",
            _ => null,
        };
        if (problem is not null)
        {
            file.Dispose();
            throw new InvalidDataException($"{path}: {problem}.");
        }
        if (isGzip) (_end, file.Position) = (0, 0);
        _stream = isGzip ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <summary>Number of the line read last, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Whether the line read last ended in a line feed: false for a last line that was cut short.</summary>
    public bool IsTerminated { get; private set; }

    /// <summary>Bytes of the content up to the end of the line read last, its line feed and a byte order mark included.</summary>
    public long Consumed { get; private set; }

    /// <summary>The next line, valid until the next call.</summary>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="InvalidDataException">A line is longer than 64 MiB, or the gzip data are damaged.</exception>
    public bool TryRead(out ReadOnlyMemory<byte> line)
    {
        int searched = _start;
        while (true)
        {
            int feed = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                line = Take(searched + feed, skip: 1);
                return true;
            }
            if (_isDone)
            {
                line = _end > _start ? Take(_end, skip: 0) : default;
                return !line.IsEmpty;
            }
            searched = _end - _start;
            Refill();
            searched += _start;
        }
    }

    public void Dispose() => _stream.Dispose();

    ReadOnlyMemory<byte> Take(int end, int skip)
    {
        Line++;
        var line = _buffer.AsMemory(_start, end - _start);
        _start = end + skip;
        Consumed += line.Length + skip;
        IsTerminated = skip == 1;
        return Line == 1 && line.Span.StartsWith("\uFEFF"u8) ? line[3..] : line;
    }

    void Refill()
    {
        int held = _end - _start;
        if (held > MaxLineBytes)
            DataError.Throw(_path, Line + 1, "", $"the line is longer than {MaxLineBytes >> 20} MiB (expected one JSON object a line).");
        byte[] target = held > _buffer.Length / 2 ? new byte[_buffer.Length * 2] : _buffer;
        _buffer.AsSpan(_start, held).CopyTo(target);
        (_buffer, _start, _end) = (target, 0, held);
        try
        {
            int read = _stream.Read(_buffer, _end, _buffer.Length - _end);
            _end += read;
            _isDone = read == 0;
        }
        catch (InvalidDataException e)
        {
            throw DataError.At(_path, Line + 1, "", $"the gzip data are damaged: {e.Message} (expected a whole .gz file; copy it again).");
        }
    }
}
