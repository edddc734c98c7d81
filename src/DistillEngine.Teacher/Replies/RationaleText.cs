using System.Globalization;

namespace DistillEngine.Teacher.Replies;

/// <summary>The rationale within the text before a marker.</summary>
static class RationaleText
{
    static readonly string[] DanglingWords =
        ["and so", "so", "therefore", "hence", "thus", "and", "then", "finally", "in conclusion", "the final", "final"];

    static readonly string[] Headings = ["rationale:", "reasoning:", "explanation:"];

    /// <summary>The text without a heading at its start and without words at its end that only lead over to the label.</summary>
    public static string Before(ReadOnlySpan<char> text)
    {
        text = text.Trim(" \t\r\n*_#");
        foreach (string heading in Headings)
        {
            if (text.StartsWith(heading, StringComparison.OrdinalIgnoreCase)) text = text[heading.Length..].TrimStart(" \t\r\n*_");
        }
        while (true)
        {
            text = text.TrimEnd(" \t\r\n,:;*_$-");
            int shorter = WithoutDanglingWord(text);
            if (shorter == text.Length) return text.ToString();
            text = text[..shorter];
        }
    }

    /// <summary>The number after the last <c>=</c>, or null.</summary>
    public static double? FinalNumber(ReadOnlySpan<char> rationale)
    {
        int sign = rationale.LastIndexOf('=');
        if (sign < 0) return null;
        var rest = rationale[(sign + 1)..].TrimStart(" $€£");
        Span<char> digits = stackalloc char[32];
        int count = 0;
        for (int i = 0; i < rest.Length && count < digits.Length; i++)
        {
            char c = rest[i];
            bool hasDigitNext = i + 1 < rest.Length && char.IsAsciiDigit(rest[i + 1]);
            if (char.IsAsciiDigit(c) || (c == '.' && hasDigitNext) || (c == '-' && count == 0)) digits[count++] = c;
            else if (c != ',' || !hasDigitNext) break;
        }
        return double.TryParse(digits[..count], NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null;
    }

    static int WithoutDanglingWord(ReadOnlySpan<char> text)
    {
        foreach (string word in DanglingWords)
        {
            if (!text.EndsWith(word, StringComparison.OrdinalIgnoreCase)) continue;
            var before = text[..^word.Length];
            if (before.IsEmpty) return 0;
            // Only a word that starts a clause dangles: "He did so" keeps it.
            if (char.IsWhiteSpace(before[^1]) && (before.TrimEnd(" \t") is var head && (head.IsEmpty || ".!?,;:\n)".Contains(head[^1]))))
                return before.TrimEnd().Length;
        }
        return text.Length;
    }
}
