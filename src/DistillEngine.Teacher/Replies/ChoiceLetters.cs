namespace DistillEngine.Teacher.Replies;

/// <summary>Letters that stand for choices: <c>(c)</c> anywhere, or <c>C.</c>, <c>c)</c>, <c>option C</c> at the start.</summary>
static class ChoiceLetters
{
    /// <summary>No letter, or a letter beyond the choices.</summary>
    public const int None = -1;

    static readonly string[] Prefixes = ["answer:", "answer ", "option ", "choice ", "letter "];

    /// <summary>Number of the first choice named by letter, from 0, or <see cref="None"/>.</summary>
    /// <param name="isAmbiguous">Whether different letters occur.</param>
    public static int Find(ReadOnlySpan<char> text, IReadOnlyList<string> choices, out bool isAmbiguous)
    {
        int count = choices.Count;
        isAmbiguous = false;
        int found = None;
        for (int i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] != '(' || text[i + 2] != ')') continue;
            int letter = IndexOf(text[i + 1], count);
            if (letter == None || IsNegated(text[..i])) continue;
            if (found == None) found = letter;
            else if (found != letter) isAmbiguous = true;
        }
        return found != None ? found : FindAtStart(text, choices, out isAmbiguous);
    }

    /// <summary>Whether the words before a label deny it.</summary>
    public static bool IsNegated(ReadOnlySpan<char> before)
    {
        before = before.TrimEnd();
        foreach (string article in (ReadOnlySpan<string>)[" a", " an", " the"])
        {
            if (before.EndsWith(article, StringComparison.OrdinalIgnoreCase)) before = before[..^article.Length].TrimEnd();
        }
        int blank = before.LastIndexOfAny(" \t\n");
        var word = before[(blank + 1)..];
        return word.Equals("not", StringComparison.OrdinalIgnoreCase) || word.Equals("never", StringComparison.OrdinalIgnoreCase)
            || word.EndsWith("n't", StringComparison.OrdinalIgnoreCase) || word.EndsWith("n’t", StringComparison.OrdinalIgnoreCase)
            || word.Equals("neither", StringComparison.OrdinalIgnoreCase) || word.Equals("nor", StringComparison.OrdinalIgnoreCase);
    }

    static int FindAtStart(ReadOnlySpan<char> text, IReadOnlyList<string> choices, out bool isAmbiguous)
    {
        isAmbiguous = false;
        foreach (string prefix in Prefixes)
        {
            if (text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) text = text[prefix.Length..].TrimStart();
        }
        int letter = text.IsEmpty ? None : IndexOf(text[0], choices.Count);
        if (letter == None || !StandsAlone(text[1..])) return None;
        // A choice may itself name letters.
        bool isRestated = text[1..].TrimStart(").:,;/ ").TrimEnd(". ").Equals(choices[letter].AsSpan().TrimEnd(". "), StringComparison.OrdinalIgnoreCase);
        isAmbiguous = !isRestated && NamesAnother(text[1..], letter, choices.Count);
        return letter;
    }

    /// <summary>Whether a letter is one by itself, going by what follows it: a blank would make an article of it, and stops between letters an
    /// abbreviation (e.g.).</summary>
    static bool StandsAlone(ReadOnlySpan<char> after) => after switch
    {
        [] or ['.'] or [')' or ':' or ',', ..] => true,
        ['.', var next] => !char.IsLetter(next),
        ['.', var next, var second, ..] => !char.IsLetter(next) || char.IsLetter(second),
        _ => false,
    };

    /// <summary>Whether another letter follows, right after the first one or joined to what stands before it.</summary>
    static bool NamesAnother(ReadOnlySpan<char> after, int letter, int count)
    {
        bool isNext = true;
        for (int i = 0; i < after.Length; i++)
        {
            if (!char.IsLetterOrDigit(after[i])) continue;
            bool isAlone = (i == 0 || !char.IsLetterOrDigit(after[i - 1])) && StandsAlone(after[(i + 1)..]);
            int other = isAlone ? IndexOf(after[i], count) : None;
            if (other != None && other != letter && (isNext || IsJoined(after[..i]))) return true;
            isNext = false;
        }
        return false;
    }

    static bool IsJoined(ReadOnlySpan<char> before)
    {
        before = before.TrimEnd();
        return before.EndsWith(" or", StringComparison.OrdinalIgnoreCase) || before.EndsWith(" and", StringComparison.OrdinalIgnoreCase)
            || (!before.IsEmpty && before[^1] is ',' or ';' or '/' or '&');
    }

    static int IndexOf(char letter, int count)
    {
        int index = (letter | 0x20) - 'a';
        return char.IsAsciiLetter(letter) && index < count ? index : None;
    }
}
