using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>The part of an answer that belongs to the question: without thinking, without the echo of the prompt's last word, and without
/// the next question that a teacher may go on to ask itself.</summary>
readonly ref struct ReplyBody
{
    static readonly string[] ThinkingTags = ["think", "thinking"];

    ReplyBody(ReadOnlySpan<char> text, bool isCut, bool isThinking)
    {
        Text = text;
        IsCut = isCut;
        IsThinking = isThinking;
    }

    public ReadOnlySpan<char> Text { get; }

    /// <summary>Whether something was cut off at the end, so that what remains is complete.</summary>
    public bool IsCut { get; }

    /// <summary>Whether the answer ends within a block of thinking.</summary>
    public bool IsThinking { get; }

    /// <summary>Time is linear in the length of the text.</summary>
    /// <param name="cue">Last word of the prompt, such as <c>A:</c>, which some teachers repeat.</param>
    public static ReplyBody Of(string reply, ParseOptions options, string cue)
    {
        ReadOnlySpan<char> text = reply;
        bool isThinking = false;
        // Thinking goes first: it may well contain a string that ends an answer.
        if (options.StripThinking) text = WithoutThinking(text, out isThinking);
        text = text.TrimStart();
        if (cue.Length > 0 && text.StartsWith(cue, StringComparison.OrdinalIgnoreCase)) text = text[cue.Length..].TrimStart();
        int end = text.Length;
        foreach (string stop in options.Cut)
        {
            if (stop.Length == 0) continue;
            int found = text[..end].IndexOf(stop, StringComparison.Ordinal);
            if (found >= 0) end = found;
        }
        return new(text[..end].TrimEnd(), isCut: end < text.Length, isThinking);
    }

    /// <summary>What follows the last closed block, up to one that is not closed. A block need not be opened: some templates open it in the
    /// prompt.</summary>
    static ReadOnlySpan<char> WithoutThinking(ReadOnlySpan<char> text, out bool isOpen)
    {
        foreach (string tag in ThinkingTags)
        {
            int close = text.LastIndexOf($"</{tag}>", StringComparison.Ordinal);
            if (close >= 0) text = text[(close + tag.Length + 3)..];
        }
        isOpen = false;
        foreach (string tag in ThinkingTags)
        {
            int open = text.IndexOf($"<{tag}>", StringComparison.Ordinal);
            if (open < 0) continue;
            text = text[..open];
            isOpen = true;
        }
        return text;
    }
}
