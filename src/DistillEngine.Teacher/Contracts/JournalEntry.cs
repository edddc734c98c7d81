using System.Globalization;
using System.Text.Json;
using DistillEngine.Teacher.Prompts;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher;

/// <summary>A line of <c>journal.jsonl</c>: one attempt, whatever came of it; an attempt that answered several samples has a line for each.
/// Lines are appended and never changed.</summary>
public sealed record JournalEntry
{
    /// <summary>When the attempt ended (<c>t</c>), to the second, UTC.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary><see cref="TeacherRequest.Key"/>.</summary>
    public required string Key { get; init; }

    /// <summary>The row's <c>task/split/key</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Number of the sample, from 0.</summary>
    public required int Sample { get; init; }

    /// <summary>Number of the attempt at this request, from 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>Place among the answers of one attempt, from 0. The prompt, which is paid once, is counted with the first.</summary>
    public int Choice { get; init; }

    /// <summary>HTTP status; 0 where no response came.</summary>
    public required int Status { get; init; }

    public string? Finish { get; init; }

    public string? Text { get; init; }

    public string? Reasoning { get; init; }

    public TokenUsage? Usage { get; init; }

    /// <summary>What was used and paid as far as the server did not count it (<c>est</c>): a prompt and an answer by their length, a lost answer at
    /// its longest. Null where it counted, or where nothing is paid.</summary>
    public TokenUsage? Estimated { get; init; }

    /// <summary>Name the server gives the model that answered.</summary>
    public string? Model { get; init; }

    /// <summary>The server's <c>system_fingerprint</c> (<c>fp</c>).</summary>
    public string? Fingerprint { get; init; }

    /// <summary>Duration in milliseconds (<c>ms</c>).</summary>
    public long Milliseconds { get; init; }

    /// <summary>The server's id of the request (<c>req_id</c>).</summary>
    public string? RequestId { get; init; }

    /// <summary>Why there is no answer (<c>err</c>): the kind of error, a colon and a line of text. Null where there is one.</summary>
    public string? Error { get; init; }

    /// <summary>Whether the attempt brought an answer. Such entries are what a run need not ask again.</summary>
    public bool IsAnswer => Error is null && Text is not null;

    /// <summary>The kind of error, as written before the colon of <see cref="Error"/>.</summary>
    public string? ErrorKind => Error?.Split(':', 2)[0];

    /// <summary>The lines of one attempt: one for each sample answered, or one that says why there is no answer.</summary>
    /// <param name="promptTokens">What the prompt counts as where the server does not say; null: its estimate.</param>
    /// <exception cref="ArgumentException">There are more answers than samples were asked for.</exception>
    public static IReadOnlyList<JournalEntry> Of(TeacherRequest request, TeacherReply reply, int attempt, DateTimeOffset time, long? promptTokens = null)
    {
        if (reply.Answers > request.Count)
            throw new ArgumentException($"the reply holds {reply.Answers} answers (expected at most {request.Count}).", nameof(reply));
        JournalEntry first = First(request, reply, attempt, time);
        long prompt = promptTokens ?? TokenEstimate.Of(request.Prompt), longest = request.Parameters.MaxTokens;
        if (!reply.IsAnswer) return [reply.IsLost ? first with { Estimated = Uncounted(reply.Usage, prompt, longest * request.Count) } : first];
        TokenUsage?[] usages = SplitUsage(reply);
        var entries = new List<JournalEntry>(reply.Answers)
        {
            first with { Usage = usages[0], Estimated = Uncounted(usages[0], prompt, Written(reply.Text, reply.Reasoning, reply.Finish)) },
        };
        foreach (TeacherChoice choice in reply.Further)
        {
            int place = entries.Count, sample = request.Sample + place;
            entries.Add(first with
            {
                Key = request.KeyOf(sample),
                Sample = sample,
                Choice = place,
                Finish = choice.Finish,
                Text = choice.Text,
                Reasoning = choice.Reasoning,
                Usage = usages[place],
                Estimated = Uncounted(usages[place], 0, Written(choice.Text, choice.Reasoning, choice.Finish)),
            });
        }
        return entries;

        // Where the limit ended an answer, the part that the server keeps to itself is known as well.
        long Written(string? text, string? reasoning, string? finish) => finish == "length" ? longest : Length(text, reasoning);
    }

    static JournalEntry First(TeacherRequest request, TeacherReply reply, int attempt, DateTimeOffset time) => new()
    {
        Time = time,
        Key = request.Key,
        Id = request.RowId,
        Sample = request.Sample,
        Attempt = attempt,
        Status = reply.Status,
        Finish = reply.Finish,
        Text = reply.Text,
        Reasoning = reply.Reasoning,
        Usage = reply.Usage,
        Model = reply.Model,
        Fingerprint = reply.Fingerprint,
        Milliseconds = reply.Milliseconds,
        RequestId = reply.RequestId,
        Error = reply.IsAnswer ? null : $"{NameOf(reply.ErrorKind)}: {reply.Error}",
    };

    /// <summary>Servers count all answers together: what was written is shared out by the estimated length of each, so that sums stay exact.</summary>
    static TokenUsage?[] SplitUsage(TeacherReply reply)
    {
        var usages = new TokenUsage?[reply.Answers];
        if (reply.Usage is not { } all) return usages;
        long[] lengths = [1 + Length(reply.Text, reply.Reasoning), .. reply.Further.Select(choice => 1 + Length(choice.Text, choice.Reasoning))];
        long sum = lengths.Sum(), left = all.Output ?? 0;
        for (int i = usages.Length - 1; i > 0; i--)
        {
            long share = (long)((double)(all.Output ?? 0) * lengths[i] / sum);
            left -= share;
            usages[i] = new(0, all.Output is null ? null : share, null);
        }
        usages[0] = all with { Output = all.Output is null ? null : left };
        return usages;
    }

    static long Length(string? text, string? reasoning) => TokenEstimate.Of(text) + TokenEstimate.Of(reasoning);

    static TokenUsage? Uncounted(TokenUsage? usage, long input, long output) => usage is { Input: not null, Output: not null }
        ? null
        : new(usage?.Input is null ? input : null, usage?.Output is null ? output : null, null);

    /// <summary>Name of a kind in journals and reports.</summary>
    public static string NameOf(TeacherErrorKind kind) => kind switch
    {
        TeacherErrorKind.None => "none",
        TeacherErrorKind.RateLimited => "rate_limited",
        TeacherErrorKind.Quota => "quota",
        TeacherErrorKind.Server => "server",
        TeacherErrorKind.Unreachable => "unreachable",
        TeacherErrorKind.Transport => "transport",
        TeacherErrorKind.Timeout => "timeout",
        TeacherErrorKind.BadReply => "bad_reply",
        TeacherErrorKind.OtherForm => "other_form",
        TeacherErrorKind.Unauthorized => "unauthorized",
        TeacherErrorKind.BadRequest => "bad_request",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown kind of error."),
    };

    /// <summary>Writes the entry as one object; the line feed is the caller's.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("t", Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        json.WriteString("key", Key);
        json.WriteString("id", Id);
        json.WriteNumber("sample", Sample);
        json.WriteNumber("attempt", Attempt);
        if (Choice > 0) json.WriteNumber("choice", Choice);
        json.WriteNumber("status", Status);
        json.WriteString("finish", Finish);
        json.WriteString("text", Text);
        json.WriteString("reasoning", Reasoning);
        if (Usage is null) json.WriteNull("usage");
        else WriteCounts(json, "usage", Usage);
        if (Estimated is { } estimated) WriteCounts(json, "est", estimated);
        json.WriteString("model", Model);
        json.WriteString("fp", Fingerprint);
        json.WriteNumber("ms", Milliseconds);
        json.WriteString("req_id", RequestId);
        json.WriteString("err", Error);
        json.WriteEndObject();
    }

    /// <summary>Reads one line.</summary>
    /// <exception cref="JsonException">The line is no JSON object.</exception>
    /// <exception cref="FormatException">A field is missing or has another type.</exception>
    public static JournalEntry Parse(ReadOnlyMemory<byte> line)
    {
        using var document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw new FormatException("the line is no JSON object (expected one attempt a line).");
        try
        {
            return new()
            {
                Time = Required(root, "t").GetDateTimeOffset(),
                Key = Required(root, "key").GetString()!,
                Id = Required(root, "id").GetString()!,
                Sample = Required(root, "sample").GetInt32(),
                Attempt = Required(root, "attempt").GetInt32(),
                Choice = root.Member("choice")?.GetInt32() ?? 0,
                Status = Required(root, "status").GetInt32(),
                Finish = TextOf(root, "finish"),
                Text = TextOf(root, "text"),
                Reasoning = TextOf(root, "reasoning"),
                Usage = CountsOf(root, "usage"),
                Estimated = CountsOf(root, "est"),
                Model = TextOf(root, "model"),
                Fingerprint = TextOf(root, "fp"),
                Milliseconds = root.Member("ms")?.GetInt64() ?? 0,
                RequestId = TextOf(root, "req_id"),
                Error = TextOf(root, "err"),
            };
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException($"a field has an unexpected type: {e.Message}", e);
        }
    }

    static JsonElement Required(JsonElement root, string name) =>
        root.Member(name) ?? throw new FormatException($"{name}: is missing (expected a line of journal.jsonl).");

    static string? TextOf(JsonElement root, string name) => root.Member(name)?.GetString();

    static TokenUsage? CountsOf(JsonElement root, string name) =>
        root.Member(name) is { } counts ? new(Count(counts, "in"), Count(counts, "out"), Count(counts, "cached")) : null;

    static long? Count(JsonElement root, string name) => root.Member(name)?.GetInt64();

    static void WriteCounts(Utf8JsonWriter json, string name, TokenUsage counts)
    {
        json.WriteStartObject(name);
        WriteCount(json, "in", counts.Input);
        WriteCount(json, "out", counts.Output);
        WriteCount(json, "cached", counts.Cached);
        json.WriteEndObject();
    }

    static void WriteCount(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } count) json.WriteNumber(name, count);
    }
}
