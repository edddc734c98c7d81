using System.Text.Json;

namespace DistillEngine.Teacher.Wire;

/// <summary>Reads members of JSON of which nothing is promised.</summary>
static class JsonMembers
{
    /// <summary>A member; null where there is none, where it is null, or where the value is no object.</summary>
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <summary>A member that is an object.</summary>
    public static JsonElement? ObjectMember(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Object } value ? value : null;

    /// <summary>A member's text, or its number as text.</summary>
    public static string? TextMember(this JsonElement element, string name) => element.Member(name)?.AsText();

    /// <summary>A member that counts something: a whole number, not negative.</summary>
    public static long? CountMember(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long count) && count >= 0 ? count : null;

    /// <summary>A text, or a number as text; null for everything else.</summary>
    public static string? AsText(this JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    };
}
