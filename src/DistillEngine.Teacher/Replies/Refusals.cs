namespace DistillEngine.Teacher.Replies;

/// <summary>Tells a polite refusal from an answer that merely lacks its label.</summary>
static class Refusals
{
    static readonly string[] Openings =
    [
        "i'm sorry", "i am sorry", "sorry, ", "i apologize", "i cannot", "i can't", "i can not", "i'm unable", "i am unable",
        "i'm not able", "i am not able", "i won't", "i will not", "as an ai", "unfortunately, i can",
    ];

    public static bool IsRefusal(ReadOnlySpan<char> text)
    {
        Span<char> start = stackalloc char[24];
        text = text[..Math.Min(text.Length, start.Length)];
        text.CopyTo(start);
        start = start[..text.Length];
        start.Replace('’', '\'');
        foreach (string opening in Openings)
        {
            if (((ReadOnlySpan<char>)start).StartsWith(opening, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }
}
