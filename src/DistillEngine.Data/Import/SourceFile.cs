using System.Text.Json;
using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Data.Import;

/// <summary>
/// Reads files of original rows: JSON lines (also gzip), a JSON array of objects, or CSV with a header (tab-separated where the name ends in
/// <c>.tsv</c>). Which of them it is, the first character tells.
/// </summary>
public static class SourceFile
{
    /// <param name="needsLabel">Whether a row without the columns of the gold label is an error.</param>
    /// <exception cref="InvalidDataException">The file is malformed or empty, or a row lacks a column the task names.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static List<SourceRow> Read(string path, TaskDefinition task, bool needsLabel = true)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: no such file (expected rows as JSON lines, a JSON array or CSV).", path);
        List<SourceRow> rows = FirstCharacter(path) switch
        {
            '{' => ReadLines(path, task, needsLabel),
            '[' => ReadArray(path, task, needsLabel),
            null => [],
            _ => ReadTable(path, task, needsLabel),
        };
        return rows.Count > 0 ? rows : throw new InvalidDataException($"{path}: has no rows (expected JSON lines, a JSON array or CSV with a header).");
    }

    static char? FirstCharacter(string path)
    {
        using var lines = new LineReader(path);
        while (lines.TryRead(out var line))
        {
            foreach (byte b in line.Span)
                if (b is not ((byte)' ' or (byte)'\t' or (byte)'\r')) return (char)b;
        }
        return null;
    }

    static List<SourceRow> ReadLines(string path, TaskDefinition task, bool needsLabel)
    {
        var rows = new List<SourceRow>();
        using var lines = new LineReader(path);
        while (lines.TryRead(out var line))
        {
            if (!IsBlank(line.Span)) rows.Add(SourceRow.Parse(path, lines.Line, line, task, needsLabel));
        }
        return rows;
    }

    static bool IsBlank(ReadOnlySpan<byte> line) => line.Trim(" \t\r"u8).IsEmpty;

    static List<SourceRow> ReadArray(string path, TaskDefinition task, bool needsLabel)
    {
        byte[] file = File.ReadAllBytes(path);
        ReadOnlySpan<byte> json = file.AsSpan().StartsWith("\uFEFF"u8) ? file.AsSpan(3) : file;
        var rows = new List<SourceRow>();
        var reader = new Utf8JsonReader(json);
        long line = 1;
        int counted = 0;
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                line += json[counted..(int)reader.TokenStartIndex].Count((byte)'\n');
                counted = (int)reader.TokenStartIndex;
                using var row = JsonDocument.ParseValue(ref reader);
                rows.Add(SourceRow.FromObject(path, line, row.RootElement, task, needsLabel));
            }
            while (reader.Read()) { }
            return rows;
        }
        catch (JsonException e)
        {
            throw DataError.At(path, (e.LineNumber ?? 0) + 1, "", $"not valid JSON: {LocatedJson.FirstSentence(e.Message)} "
                + "(expected an array of objects, or one object a line).");
        }
    }

    static List<SourceRow> ReadTable(string path, TaskDefinition task, bool needsLabel)
    {
        var table = new CsvReader(path);
        string[] header = table.Header;
        var rows = new List<SourceRow>();
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        while (table.TryRead(out long line, out var cells))
        {
            buffer.ResetWrittenCount();
            json.Reset();
            json.WriteStartObject();
            for (int i = 0; i < header.Length; i++) WriteCell(json, header[i], cells[i], task);
            json.WriteEndObject();
            json.Flush();
            rows.Add(SourceRow.Parse(path, line, buffer.WrittenMemory, task, needsLabel));
        }
        return rows;
    }

    /// <summary>A table knows texts alone: classes that stand in it as numbers become numbers again, and an empty cell is a missing value.</summary>
    static void WriteCell(Utf8JsonWriter json, string column, string cell, TaskDefinition task)
    {
        if (cell.Length == 0) json.WriteNull(column);
        else if (task.Labels.Set is { } set && !set.Contains(cell) && int.TryParse(cell, out int index)) json.WriteNumber(column, index);
        else json.WriteString(column, cell);
    }
}
