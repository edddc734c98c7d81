using System.Buffers;
using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillEngine.Core;

namespace DistillEngine.Data.Rationales;

/// <summary>
/// Writes <c>distill.rationale/1</c> files: one object a line, fields in a fixed order, absent values left out, LF; gzip where the name
/// ends in <c>.gz</c>. Equal rows give equal bytes.
/// </summary>
public static class RationaleWriter
{
    /// <summary>Names of <see cref="RationaleStatus"/> in files, by value.</summary>
    internal static readonly ImmutableArray<string> StatusNames = ["ok", "parse_failed", "filtered", "refused", "api_error", "truncated"];

    /// <summary>Text stays readable: the files are data, never part of a web page.</summary>
    internal static JsonWriterOptions JsonOptions => new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes all rows, through a temporary file beside the target.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<RationaleRow> rows) => AtomicFile.Write(path, stream =>
    {
        if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
        {
            WriteTo(stream, rows);
            return;
        }
        using var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
        WriteTo(gzip, rows);
    });

    /// <summary>SHA-256 of the UTF-8 bytes of an input, lower-case hexadecimal.</summary>
    public static string Hash(string input) => Sha256.HexOf(Encoding.UTF8.GetBytes(input));

    /// <summary>Name of a status in files.</summary>
    public static string NameOf(RationaleStatus status) => StatusNames[(int)status];

    static void WriteTo(Stream stream, IEnumerable<RationaleRow> rows)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, JsonOptions);
        foreach (var row in rows)
        {
            buffer.ResetWrittenCount();
            json.Reset();
            WriteRow(json, row);
            json.Flush();
            buffer.Write("\n"u8);
            stream.Write(buffer.WrittenSpan);
        }
    }

    static void WriteRow(Utf8JsonWriter json, RationaleRow row)
    {
        json.WriteStartObject();
        json.WriteString("schema", RationaleRow.SchemaName);
        json.WriteString("id", row.Id);
        json.WriteString("input", row.Input);
        json.WriteString("input_sha256", Hash(row.Input));
        WriteText(json, "label", row.Label);
        WriteText(json, "teacher_label", row.TeacherLabel);
        WriteText(json, "rationale", row.Rationale);
        WriteTexts(json, "rationales", row.Rationales);
        json.WriteString("status", NameOf(row.Status));
        WriteTexts(json, "flags", row.Flags);
        WriteText(json, "reason", row.Reason);
        WriteText(json, "raw", row.Raw);
        if (row.Weight != 1) json.WriteNumber("weight", row.Weight);
        WriteVote(json, row.Vote);
        WriteSamples(json, row.Samples);
        WriteText(json, "split", row.Split);
        if (row.Fields.Count > 0)
        {
            json.WriteStartObject("fields");
            foreach (var (name, value) in row.Fields) json.WriteString(name, value);
            json.WriteEndObject();
        }
        WriteProvenance(json, row.Provenance);
        WriteUsage(json, row.Usage);
        json.WriteEndObject();
    }

    static void WriteVote(Utf8JsonWriter json, Vote? vote)
    {
        if (vote is null) return;
        json.WriteStartObject("vote");
        json.WriteNumber("n", vote.Count);
        json.WriteNumber("valid", vote.Valid);
        json.WriteNumber("agree", vote.Agree);
        WriteText(json, "method", vote.Method);
        if (vote.IsTie) json.WriteBoolean("tie", true);
        json.WriteEndObject();
    }

    static void WriteSamples(Utf8JsonWriter json, IReadOnlyList<TeacherSample> samples)
    {
        if (samples.Count == 0) return;
        json.WriteStartArray("samples");
        foreach (var sample in samples)
        {
            json.WriteStartObject();
            json.WriteNumber("i", sample.Index);
            WriteText(json, "label", sample.Label);
            WriteText(json, "parse", sample.Parse);
            WriteText(json, "finish", sample.Finish);
            WriteCount(json, "in", sample.InputTokens);
            WriteCount(json, "out", sample.OutputTokens);
            WriteText(json, "key", sample.Key);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    static void WriteProvenance(Utf8JsonWriter json, Provenance provenance)
    {
        json.WriteStartObject("prov");
        WriteText(json, "run", provenance.Run);
        WriteText(json, "model", provenance.Model);
        WriteText(json, "provider", provenance.Provider);
        WriteText(json, "prompt_sha", provenance.PromptSha);
        WriteText(json, "params_sha", provenance.ParametersSha);
        WriteText(json, "task", provenance.Task);
        WriteText(json, "task_sha", provenance.TaskSha);
        WriteText(json, "tool", provenance.Tool);
        WriteText(json, "created", provenance.Created);
        json.WriteEndObject();
    }

    static void WriteUsage(Utf8JsonWriter json, TeacherUsage? usage)
    {
        if (usage is null) return;
        json.WriteStartObject("usage");
        WriteCount(json, "in", usage.InputTokens);
        WriteCount(json, "out", usage.OutputTokens);
        WriteCount(json, "cached", usage.CachedTokens);
        if (usage.Dollars is { } dollars) json.WriteNumber("usd", dollars);
        json.WriteEndObject();
    }

    static void WriteText(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null) json.WriteString(name, value);
    }

    static void WriteCount(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } count) json.WriteNumber(name, count);
    }

    static void WriteTexts(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        if (values.Count == 0) return;
        json.WriteStartArray(name);
        foreach (string value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
