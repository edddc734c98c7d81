using System.Buffers;
using System.Text.Json;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Runs;

/// <summary>
/// Appends to <c>journal.jsonl</c>. The lines of an attempt are handed to the system in one piece before <see cref="Append"/> returns, so that a process killed
/// at any moment leaves at most one torn line, the last, which the next one to open the journal repairs.
/// </summary>
public sealed class Journal : IDisposable
{
    static readonly TimeSpan SyncInterval = TimeSpan.FromSeconds(1);

    readonly Lock _gate = new();
    readonly FileStream _file;
    readonly ArrayBufferWriter<byte> _lines = new();
    readonly Utf8JsonWriter _json;
    readonly Durability _durability;
    readonly ITimer? _sync;
    bool _isDirty;
    bool _isBroken;

    Journal(FileStream file, Durability durability, TimeProvider time)
    {
        (_file, _durability) = (file, durability);
        _json = new Utf8JsonWriter(_lines, RequestBody.JsonOptions);
        if (durability == Durability.EverySecond) _sync = time.CreateTimer(_ => SyncInBackground(), null, SyncInterval, SyncInterval);
    }

    /// <summary>Opens the journal of a folder, or starts one. The caller holds the folder's <see cref="RunLock"/>.</summary>
    /// <param name="read">Gets every entry that is there already.</param>
    /// <param name="warn">Gets a line for the user where a torn line was repaired.</param>
    /// <exception cref="InvalidDataException">The journal is damaged elsewhere than at its end.</exception>
    public static Journal Open(string folder, Durability durability, TimeProvider time, Action<JournalEntry> read, Action<string> warn)
    {
        string path = Path.Combine(folder, JournalReader.FileName);
        TornLine? torn = null;
        if (File.Exists(path))
        {
            foreach (JournalEntry entry in JournalReader.Read(path, t => torn = t)) read(entry);
        }
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0);
        if (torn is { IsWhole: true })
        {
            file.Seek(0, SeekOrigin.End);
            file.Write("\n"u8);
        }
        else if (torn is not null)
        {
            warn($"{path}:{torn.Line}: the last line is torn, as a process leaves it that ends while writing; "
                + $"{file.Length - torn.Offset:N0} bytes are cut off and the question is asked again.");
            file.SetLength(torn.Offset);
        }
        file.Seek(0, SeekOrigin.End);
        return new(file, durability, time);
    }

    /// <summary>Appends the lines of one attempt together, so that a killed process leaves all of them or none; may be called from several
    /// threads.</summary>
    /// <exception cref="IOException">The lines cannot be written; the journal then takes no more.</exception>
    public void Append(IReadOnlyList<JournalEntry> entries)
    {
        lock (_gate)
        {
            if (_isBroken)
                throw new IOException($"{_file.Name}: an earlier line could not be written (see the first error; "
                    + "make room on the disk and start the run again).");
            _lines.ResetWrittenCount();
            foreach (JournalEntry entry in entries)
            {
                _json.Reset();
                entry.Write(_json);
                _json.Flush();
                _lines.Write("\n"u8);
            }
            long before = _file.Position;
            try
            {
                _file.Write(_lines.WrittenSpan);
                if (_durability == Durability.EveryLine) _file.Flush(flushToDisk: true);
                else _isDirty = true;
            }
            catch (IOException)
            {
                _isBroken = true;
                CutOff(before);
                throw;
            }
        }
    }

    /// <summary>Brings everything to disk and closes the journal.</summary>
    public void Dispose()
    {
        _sync?.Dispose();
        lock (_gate)
        {
            if (_file.CanWrite && !_isBroken) _file.Flush(flushToDisk: true);
            _file.Dispose();
            _json.Dispose();
        }
    }

    void SyncInBackground()
    {
        lock (_gate)
        {
            if (!_isDirty || _isBroken || !_file.CanWrite) return;
            try
            {
                _file.Flush(flushToDisk: true);
                _isDirty = false;
            }
            catch (IOException)
            {
                // The next line reports it; a timer has nobody to tell.
                _isBroken = true;
            }
        }
    }

    /// <summary>Takes back what a failed write left. Where that fails too, the next one to open the journal repairs it.</summary>
    void CutOff(long length)
    {
        try
        {
            _file.SetLength(length);
        }
        catch (IOException)
        {
        }
    }
}
