using System.Text;
using System.Text.Json;

namespace DistillEngine.Teacher.Wire;

/// <summary>
/// Reads what servers answer with status 200. Servers that call themselves compatible leave fields out, put null or other types where
/// texts are due, and invent finish reasons; only a missing answer is an error.
/// </summary>
public static class AnswerBody
{
    /// <param name="count">Samples that were asked for, at least 1.</param>
    public static TeacherReply Read(ReadOnlyMemory<byte> body, int count = 1)
    {
        // Some servers send the mark that some editors put at the start of a file.
        if (body.Span.StartsWith(ErrorText.ByteOrderMark)) body = body[ErrorText.ByteOrderMark.Length..];
        try
        {
            using var document = JsonDocument.Parse(body);
            return Read(document.RootElement, count);
        }
        catch (JsonException)
        {
            return Bad($"the body is not valid JSON: {ErrorText.Of(body.Span)}");
        }
    }

    /// <summary>As <see cref="Read(ReadOnlyMemory{byte}, int)"/>, for a body within another document.</summary>
    public static TeacherReply Read(JsonElement root, int count = 1)
    {
        try
        {
            return ReadReply(root, count);
        }
        catch (InvalidOperationException)
        {
            return Bad("a text in the body is not valid Unicode");
        }
    }

    static TeacherReply ReadReply(JsonElement root, int count)
    {
        if (root.ValueKind != JsonValueKind.Object) return Bad("the body is no JSON object");
        var reply = new TeacherReply
        {
            Status = 200,
            Model = root.TextMember("model"),
            Fingerprint = root.TextMember("system_fingerprint"),
            RequestId = root.TextMember("id"),
            Usage = ReadUsage(root),
        };
        if (ErrorOf(root) is { } error) return Failed(reply, error);
        if (root.Member("choices") is not { ValueKind: JsonValueKind.Array } choices || choices.GetArrayLength() == 0)
            return reply with { ErrorKind = TeacherErrorKind.BadReply, Error = "the body holds no choices" };
        TeacherReply? failure = null;
        var answers = new List<TeacherChoice>();
        foreach (JsonElement choice in InOrder(choices))
        {
            TeacherReply read = ReadChoice(reply, choice);
            if (read.IsAnswer) answers.Add(new(read.Text!, read.Reasoning, read.Finish));
            else failure ??= read;
            if (answers.Count == count) break;
        }
        if (answers.Count == 0) return failure!;
        TeacherChoice first = answers[0];
        return reply with { Text = first.Text, Reasoning = first.Reasoning, Finish = first.Finish, Further = answers[1..] };
    }

    static TeacherReply ReadChoice(TeacherReply reply, JsonElement choice)
    {
        if (choice.ValueKind != JsonValueKind.Object) return reply with { ErrorKind = TeacherErrorKind.BadReply, Error = "the choice is no JSON object" };
        if (ErrorOf(choice) is { } error) return Failed(reply, error);
        JsonElement? message = choice.ObjectMember("message");
        string? finish = choice.TextMember("finish_reason");
        string? reasoning = message?.TextMember("reasoning_content") ?? message?.TextMember("reasoning");
        string? text = message is { } chat ? Content(chat) ?? chat.TextMember("refusal") : choice.TextMember("text");
        // A model that was stopped by a filter, or that thought until its tokens ran out, has answered: with nothing.
        if (text is null && finish is "content_filter" or "length") text = "";
        return text is null
            ? reply with { Finish = finish, Reasoning = reasoning, ErrorKind = TeacherErrorKind.BadReply, Error = "the choice holds no text" }
            : reply with { Finish = finish, Reasoning = reasoning, Text = text };
    }

    /// <summary>The error that an object tells of; false, zero and an empty text tell of none.</summary>
    static JsonElement? ErrorOf(JsonElement element) => element.Member("error") is { } error
        && error.ValueKind is not JsonValueKind.False && error.AsText() is not ("" or "0") ? error : null;

    /// <summary>An error that a server reports with status 200.</summary>
    static TeacherReply Failed(TeacherReply reply, JsonElement error)
    {
        int status = error.CountMember("code") is >= 400 and < 600 and { } code ? (int)code : 500;
        var (kind, text) = ErrorText.Classify(status, error);
        return reply with { ErrorKind = kind, Error = text };
    }

    /// <summary>The choices by their index; in the order they came where a server numbers them all alike or not at all.</summary>
    static IEnumerable<JsonElement> InOrder(JsonElement choices) =>
        choices.EnumerateArray().OrderBy(choice => choice.ValueKind == JsonValueKind.Object ? choice.CountMember("index") ?? 0 : long.MaxValue);

    /// <summary>A message's content: a text, or a list of parts whose texts belong together.</summary>
    static string? Content(JsonElement message)
    {
        if (message.Member("content") is not { } content) return null;
        if (content.ValueKind != JsonValueKind.Array) return content.AsText();
        var joined = new StringBuilder();
        foreach (JsonElement part in content.EnumerateArray())
            if (part.TextMember("text") is { } text) joined.Append(text);
        return joined.Length > 0 ? joined.ToString() : null;
    }

    static TokenUsage? ReadUsage(JsonElement root)
    {
        if (root.ObjectMember("usage") is not { } usage) return null;
        long? cached = usage.ObjectMember("prompt_tokens_details")?.CountMember("cached_tokens");
        var read = new TokenUsage(usage.CountMember("prompt_tokens") ?? usage.CountMember("input_tokens"), usage.CountMember("completion_tokens")
            ?? usage.CountMember("output_tokens"),
            cached ?? usage.CountMember("prompt_cache_hit_tokens") ?? usage.CountMember("cached_tokens"));
        return read is { Input: null, Output: null } ? null : read;
    }

    static TeacherReply Bad(string error) => new() { Status = 200, ErrorKind = TeacherErrorKind.BadReply, Error = error };
}
