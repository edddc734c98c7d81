using System.Text;

namespace DistillEngine.Teacher.Replies;

/// <summary>
/// An equation as teachers write it — <c>$1,200 / 4 = 300 apples</c>, <c>(84 ÷ 2)</c>, <c>3 x 4</c> — in the form that students learn:
/// fully parenthesised, numbers with a decimal point, <c>+ - * /</c> between blanks. Names of quantities, several equations, open
/// parentheses and divisions by zero have no such form.
/// </summary>
/// <param name="Text">The form, or empty.</param>
/// <param name="Value">Its value, or NaN.</param>
/// <param name="IsNumber">Whether it is a number without an operation.</param>
/// <param name="Problem">Why there is none, ending in a full stop; null where there is one.</param>
readonly record struct EquationText(string Text, double Value, bool IsNumber, string? Problem)
{
    /// <summary>A longer text is no answer to a word problem; it bounds the depth of the parser.</summary>
    const int MaxChars = 512;

    /// <summary>Words after a number that change its value.</summary>
    static readonly string[] Multipliers =
    [
        "dozen", "hundred", "thousand", "million", "billion", "percent", "half", "halves", "quarter", "third", "and", "or", "to", "plus",
        "minus", "times",
    ];

    /// <summary>Whether two values are the same but for rounding in a text.</summary>
    public static bool AreEqual(double a, double b) => Math.Abs(a - b) <= 0.005 * Math.Max(1, Math.Max(Math.Abs(a), Math.Abs(b)));

    public static EquationText Parse(ReadOnlySpan<char> answer)
    {
        if (answer.Length > MaxChars) return None($"it has {answer.Length} characters (expected at most {MaxChars}).");
        string text = Clean(answer);
        EquationText chosen = None("there is no number.");
        bool hasChosen = false;
        foreach (string side in text.Split('='))
        {
            var parsed = ParseSide(side.Trim());
            if (parsed.Problem is not null)
            {
                // "cost = 3 * 4": a name on one side says what the other side is.
                if (IsName(side)) continue;
                return parsed;
            }
            if (hasChosen && !AreEqual(parsed.Value, chosen.Value)) return None("its sides differ.");
            if (!hasChosen || (chosen.IsNumber && !parsed.IsNumber)) chosen = parsed;
            hasChosen = true;
        }
        return chosen;
    }

    static EquationText ParseSide(string side)
    {
        var parser = new EquationParser(side);
        if (!parser.TryParse(out string form, out double value)) return None(parser.Problem);
        var rest = side.AsSpan(parser.Position).Trim(" .;:!*");
        if (rest.Contains('%')) return None("a percentage is no number.");
        if (!rest.IsEmpty && !IsUnit(rest)) return None($"{AnswerLabel.Quote(rest)} follows it.");
        return double.IsFinite(value) ? new(form, value, parser.IsNumber, null) : None("it divides by zero, or overflows.");
    }

    /// <summary>Signs of print and of LaTeX as ASCII, without currencies and without commas within numbers.</summary>
    static string Clean(ReadOnlySpan<char> text)
    {
        var clean = new StringBuilder(text.ToString());
        clean.Replace("\\times", "*").Replace("\\cdot", "*").Replace("\\div", "/").Replace("\\(", "").Replace("\\)", "").Replace("\\$", "");
        clean.Replace('×', '*').Replace('·', '*').Replace('∗', '*').Replace('÷', '/').Replace('−', '-').Replace('–', '-');
        for (int i = clean.Length - 1; i >= 0; i--)
        {
            bool isSeparator = clean[i] == ',' && i > 0 && char.IsAsciiDigit(clean[i - 1]) && IsGroup(clean, i + 1);
            if (isSeparator || clean[i] is '$' or '€' or '£' or '`') clean.Remove(i, 1);
        }
        return clean.ToString();
    }

    /// <summary>Whether exactly three digits start here.</summary>
    static bool IsGroup(StringBuilder text, int start)
    {
        int end = start;
        while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
        return end - start == 3;
    }

    static bool IsName(string side)
    {
        foreach (char c in side)
        {
            if (!char.IsLetter(c) && !char.IsWhiteSpace(c)) return false;
        }
        return !string.IsNullOrWhiteSpace(side);
    }

    static bool IsUnit(ReadOnlySpan<char> rest)
    {
        foreach (var range in rest.Split(' '))
        {
            var word = rest[range].Trim(".,");
            foreach (char c in word)
            {
                if (!char.IsLetter(c) && c is not '-' and not '\'') return false;
            }
            foreach (string multiplier in Multipliers)
            {
                if (word.Equals(multiplier, StringComparison.OrdinalIgnoreCase)) return false;
            }
        }
        return true;
    }

    static EquationText None(string problem) => new("", double.NaN, false, problem);
}
