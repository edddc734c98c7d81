using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DistillEngine.Teacher.Wire;

/// <summary>Makes one readable line of what a server sends instead of an answer: JSON of any shape, a web page, a text.</summary>
static partial class ErrorText
{
    const int LongestLine = 300;

    /// <summary>Pages are cut before tags are removed: their first lines say what there is to say.</summary>
    const int LongestPage = 4096;

    internal static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>The kind of error that a status and a body tell, and a line for the user.</summary>
    public static (TeacherErrorKind Kind, string Text) Classify(int status, ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body.StartsWith(ByteOrderMark) ? body[ByteOrderMark.Length..] : body);
            using var document = JsonDocument.ParseValue(ref reader);
            JsonElement root = document.RootElement;
            return Classify(status, root.Member("error") ?? root);
        }
        // Half of a surrogate pair in a text is found when the text is read.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return (KindOf(status, isQuota: false), $"status {status}: {Of(body)}");
        }
    }

    /// <summary>As <see cref="Classify(int, ReadOnlySpan{byte})"/>, for the <c>error</c> member of a body.</summary>
    public static (TeacherErrorKind Kind, string Text) Classify(int status, JsonElement error)
    {
        string? code = error.TextMember("code"), type = error.TextMember("type");
        string text = error.TextMember("message") ?? error.TextMember("detail") ?? error.ToString();
        bool isQuota = code is "insufficient_quota" or "billing_hard_limit_reached" || type is "insufficient_quota";
        string label = code ?? type ?? "";
        return (KindOf(status, isQuota), $"status {status}{(label.Length > 0 ? $" ({OneLine(label)})" : "")}: {OneLine(text)}");
    }

    /// <summary>One line of a body that is no JSON.</summary>
    public static string Of(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return "the body is empty";
        string text = Encoding.UTF8.GetString(body[..Math.Min(body.Length, LongestPage)]);
        if (!Page().IsMatch(text)) return $"'{OneLine(text)}'";
        text = Unseen().Replace(text, " ");
        string words = OneLine(System.Net.WebUtility.HtmlDecode(Tag().Replace(text, " ")));
        return words.Length > 0 ? $"a web page: {words}" : "a web page without text";
    }

    static TeacherErrorKind KindOf(int status, bool isQuota) => status switch
    {
        _ when isQuota => TeacherErrorKind.Quota,
        402 => TeacherErrorKind.Quota,
        408 or 409 or 425 or 429 => TeacherErrorKind.RateLimited,
        401 or 403 => TeacherErrorKind.Unauthorized,
        >= 500 => TeacherErrorKind.Server,
        >= 200 and < 300 => TeacherErrorKind.BadReply,
        _ => TeacherErrorKind.BadRequest,
    };

    static string OneLine(string text)
    {
        string line = Blanks().Replace(text, " ").Trim();
        return line.Length <= LongestLine ? line : string.Concat(line.AsSpan(0, LongestLine), "…");
    }

    [GeneratedRegex(@"<(html|!doctype|body|head)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Page();

    [GeneratedRegex(@"<(script|style)\b.*?(</\1>|\z)", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Unseen();

    [GeneratedRegex("<[^>]*(>|\\z)")]
    private static partial Regex Tag();

    [GeneratedRegex(@"[\s\p{Cc}]+")]
    private static partial Regex Blanks();
}
