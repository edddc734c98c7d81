using System.Text.Json;
using DistillEngine.Data.Rationales;

namespace DistillEngine.Teacher;

/// <summary>Reads <c>journal.jsonl</c>, one entry at a time.</summary>
public static class JournalReader
{
    /// <summary>Name of the journal within a run's folder.</summary>
    public const string FileName = "journal.jsonl";

    /// <summary>
    /// The entries in the order of the file. A last line without line feed that is no whole entry is what a crash leaves; it ends the
    /// reading, and <paramref name="torn"/> is told how many bytes are good.
    /// </summary>
    /// <exception cref="InvalidDataException">Another line is no entry; the message names path and line.</exception>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    public static IEnumerable<JournalEntry> Read(string path, Action<TornLine>? torn = null)
    {
        using var lines = new LineReader(path, "the journal of a run");
        long good = 0;
        while (lines.TryRead(out ReadOnlyMemory<byte> line))
        {
            JournalEntry? entry = null;
            try
            {
                entry = JournalEntry.Parse(line);
            }
            catch (Exception e) when (e is JsonException or FormatException)
            {
                if (lines.IsTerminated)
                    throw new InvalidDataException($"{path}:{lines.Line}: is no entry of a journal: {e.Message} (a journal is only appended to; "
                        + "restore the file, or delete the line if its answer may be asked again).");
            }
            if (entry is null || !lines.IsTerminated) torn?.Invoke(new(lines.Line, good, IsWhole: entry is not null));
            if (entry is null) yield break;
            good = lines.Consumed;
            yield return entry;
        }
    }
}
