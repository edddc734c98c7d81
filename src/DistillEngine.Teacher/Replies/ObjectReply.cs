using System.Text.Json;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Replies;

/// <summary>An answer that is one JSON object, bare or as a block of code: some teachers answer so unasked. Read as text, its names and quotes
/// would become part of rationale and label.</summary>
/// <param name="Rationale">The text under one of <see cref="RationaleNames"/>.</param>
/// <param name="Label">Text or number under one of <see cref="LabelNames"/>.</param>
readonly record struct ObjectReply(string Rationale, string Label)
{
    const string Fence = "```";

    static readonly string[] RationaleNames = ["rationale", "reasoning", "explanation"], LabelNames = ["answer", "label"];

    /// <summary>What an object must look like, for reasons.</summary>
    public static string Expected { get; } = $"one of {string.Join(", ", RationaleNames)} with a text and one of {string.Join(", ", LabelNames)}";

    /// <summary>The object's text, or nothing where the answer does not begin as one.</summary>
    public static ReadOnlySpan<char> Within(ReadOnlySpan<char> body)
    {
        if (body.StartsWith(Fence))
        {
            body = body[Fence.Length..];
            if (body.StartsWith("json", StringComparison.OrdinalIgnoreCase)) body = body["json".Length..];
            if (body.EndsWith(Fence)) body = body[..^Fence.Length];
        }
        body = body.Trim();
        return body.StartsWith("{") && body[1..].TrimStart().StartsWith("\"") ? body : default;
    }

    /// <returns>Null where the text is no whole object, or lacks one of the two, or has two of them.</returns>
    public static ObjectReply? TryRead(ReadOnlySpan<char> text)
    {
        try
        {
            using var document = JsonDocument.Parse(text.ToString());
            return Only(document.RootElement, RationaleNames) is { } rationale && Only(document.RootElement, LabelNames) is { } label
                ? new(rationale, label)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // The last two: half of a pair of UTF-16, escaped or not, which is no text.
            return null;
        }
    }

    static string? Only(JsonElement json, string[] names)
    {
        string?[] found = [.. json.EnumerateObject().Where(member => names.Contains(member.Name, StringComparer.OrdinalIgnoreCase)).Select(member =>
            member.Value.AsText())];
        return found is [{ } one] ? one : null;
    }
}
