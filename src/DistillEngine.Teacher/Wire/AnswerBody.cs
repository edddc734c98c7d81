using System.Text;
using System.Text.Json;

namespace DistillEngine.Teacher.Wire;

/// <summary>
/// Reads what servers answer with status 200. Servers that call themselves compatible leave fields out, put null or other types where
/// texts are due, and invent finish reasons; only a missing answer is an error.
/// </summary>
public static class AnswerBody
{
    public static TeacherReply Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return Read(document.RootElement);
        }
        catch (JsonException)
        {
            return Bad($"the body is not valid JSON: {ErrorText.Of(body.Span)}");
        }
    }

    /// <summary>As <see cref="Read(ReadOnlyMemory{byte})"/>, for a body within another document.</summary>
    public static TeacherReply Read(JsonElement root)
    {
        try
        {
            return ReadReply(root);
        }
        catch (InvalidOperationException)
        {
            return Bad("a text in the body is not valid Unicode");
        }
    }

    static TeacherReply ReadReply(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) return Bad("the body is no JSON object");
        var reply = new TeacherReply
        {
            Status = 200,
            Model = Text(root, "model"),
            Fingerprint = Text(root, "system_fingerprint"),
            RequestId = Text(root, "id"),
            Usage = ReadUsage(root),
        };
        if (Member(root, "error") is { } error) return Failed(reply, error);
        if (Member(root, "choices") is not { ValueKind: JsonValueKind.Array } choices || choices.GetArrayLength() == 0)
            return reply with { ErrorKind = TeacherErrorKind.BadReply, Error = "the body holds no choices" };
        JsonElement choice = First(choices);
        if (choice.ValueKind != JsonValueKind.Object) return reply with { ErrorKind = TeacherErrorKind.BadReply, Error = "the choice is no JSON object" };
        if (Member(choice, "error") is { } choiceError) return Failed(reply, choiceError);
        JsonElement? message = Member(choice, "message") is { ValueKind: JsonValueKind.Object } m ? m : null;
        string? finish = Member(choice, "finish_reason") is { } reason ? AsText(reason) : null;
        string? reasoning = message is { } withReasoning ? Text(withReasoning, "reasoning_content") ?? Text(withReasoning, "reasoning") : null;
        string? text = message is { } chat ? Content(chat) ?? Text(chat, "refusal") : Text(choice, "text");
        // A model that was stopped by a filter, or that thought until its tokens ran out, has answered: with nothing.
        if (text is null && finish is "content_filter" or "length") text = "";
        return text is null
            ? reply with { Finish = finish, Reasoning = reasoning, ErrorKind = TeacherErrorKind.BadReply, Error = "the choice holds no text" }
            : reply with { Finish = finish, Reasoning = reasoning, Text = text };
    }

    /// <summary>An error that a server reports with status 200.</summary>
    static TeacherReply Failed(TeacherReply reply, JsonElement error)
    {
        int status = Member(error, "code") is { ValueKind: JsonValueKind.Number } code && code.TryGetInt32(out int number) && number is >= 400 and < 600 ? number : 500;
        var (kind, text) = ErrorText.Classify(status, error);
        return reply with { ErrorKind = kind, Error = text };
    }

    static JsonElement First(JsonElement choices)
    {
        JsonElement first = choices[0];
        foreach (JsonElement choice in choices.EnumerateArray())
            if (choice.ValueKind == JsonValueKind.Object && Member(choice, "index") is { ValueKind: JsonValueKind.Number } index && index.TryGetInt32(out int i) && i == 0) return choice;
        return first;
    }

    /// <summary>A message's content: a text, or a list of parts whose texts belong together.</summary>
    static string? Content(JsonElement message)
    {
        if (Member(message, "content") is not { } content) return null;
        if (content.ValueKind != JsonValueKind.Array) return AsText(content);
        var joined = new StringBuilder();
        foreach (JsonElement part in content.EnumerateArray())
            if (part.ValueKind == JsonValueKind.Object && Text(part, "text") is { } text) joined.Append(text);
        return joined.Length > 0 ? joined.ToString() : null;
    }

    static TokenUsage? ReadUsage(JsonElement root)
    {
        if (Member(root, "usage") is not { ValueKind: JsonValueKind.Object } usage) return null;
        long? cached = Member(usage, "prompt_tokens_details") is { ValueKind: JsonValueKind.Object } details ? Count(details, "cached_tokens") : null;
        var read = new TokenUsage(Count(usage, "prompt_tokens") ?? Count(usage, "input_tokens"), Count(usage, "completion_tokens") ?? Count(usage, "output_tokens"),
            cached ?? Count(usage, "prompt_cache_hit_tokens") ?? Count(usage, "cached_tokens"));
        return read is { Input: null, Output: null } ? null : read;
    }

    static long? Count(JsonElement element, string name) =>
        Member(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long count) && count >= 0 ? count : null;

    static string? Text(JsonElement element, string name) => Member(element, name) is { } value ? AsText(value) : null;

    static string? AsText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    };

    static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    static TeacherReply Bad(string error) => new() { Status = 200, ErrorKind = TeacherErrorKind.BadReply, Error = error };
}
