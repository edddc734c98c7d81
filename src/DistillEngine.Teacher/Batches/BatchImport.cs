using System.Text.Json;
using DistillEngine.Data.Rationales;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Batches;

/// <summary>
/// Takes the output and error files of a batch into a run's journal. Lines are matched by <c>custom_id</c>, so their order does not matter and a
/// repeated line changes nothing.
/// </summary>
public static class BatchImport
{
    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="IOException">The journal cannot be written.</exception>
    public static BatchImportReport Read(IReadOnlyList<string> files, RunPlan plan, RunHistory history, Journal journal, TimeProvider time)
    {
        int lines = 0, imported = 0, repeated = 0, unknown = 0, failed = 0;
        var damaged = new List<string>();
        Dictionary<string, PlannedRequest> planned = plan.Requests.ToDictionary(p => p.Key, StringComparer.Ordinal);
        foreach (string file in files)
        {
            if (!File.Exists(file)) throw new FileNotFoundException($"{file}: no such file (expected the output of a batch, JSON lines).", file);
            using var reader = new LineReader(file, "an output or error file of a batch");
            while (reader.TryRead(out ReadOnlyMemory<byte> line))
            {
                if (line.Span.Trim(" \t\r"u8).IsEmpty) continue;
                lines++;
                if (!TryParse(line, out string key, out TeacherReply reply, out string problem))
                {
                    damaged.Add($"{file}:{reader.Line}: {problem}");
                    continue;
                }
                if (!planned.TryGetValue(key, out PlannedRequest question))
                {
                    unknown++;
                    continue;
                }
                var entry = JournalEntry.Of(plan.Request(question), reply, history.Attempts(key) + 1, time.GetUtcNow())[0];
                if (history.IsAnswered(key) || (!entry.IsAnswer && history.IsKnown(entry)))
                {
                    repeated++;
                    continue;
                }
                journal.Append([entry]);
                history.Add(entry);
                if (entry.IsAnswer) imported++;
                else failed++;
            }
        }
        return new() { Lines = lines, Imported = imported, Repeated = repeated, Unknown = unknown, Failed = failed, Damaged = damaged };
    }

    static bool TryParse(ReadOnlyMemory<byte> line, out string key, out TeacherReply reply, out string problem)
    {
        (key, reply, problem) = ("", new TeacherReply(), "");
        try
        {
            using var document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("custom_id", out JsonElement id) || id.ValueKind != JsonValueKind.String)
            {
                problem = "has no custom_id (expected a line of a batch's output)";
                return false;
            }
            key = id.GetString()!;
            reply = ReadReply(root);
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problem = $"not valid JSON: {e.Message} (expected a line of a batch's output)";
            return false;
        }
    }

    static TeacherReply ReadReply(JsonElement root)
    {
        if (root.Member("response") is not { } response)
        {
            var (kind, text) = root.Member("error") is { } error
                ? ErrorText.Classify(0, error)
                : (TeacherErrorKind.BadReply, "the line holds neither a response nor an error");
            return new() { RequestId = root.TextMember("id"), ErrorKind = kind, Error = text };
        }
        int status = (int)(response.CountMember("status_code") ?? 200);
        string? id = response.TextMember("request_id");
        if (response.Member("body") is not { } body)
            return new() { Status = status, RequestId = id, ErrorKind = TeacherErrorKind.BadReply, Error = "the response holds no body" };
        if (status is >= 200 and < 300)
        {
            TeacherReply reply = AnswerBody.Read(body);
            return reply with { Status = status, RequestId = id ?? reply.RequestId };
        }
        var failure = ErrorText.Classify(status, body.Member("error") ?? body);
        return new() { Status = status, RequestId = id, ErrorKind = failure.Kind, Error = failure.Text };
    }
}
