namespace DistillEngine.Teacher.Replies;

/// <summary>Letters that stand for choices: <c>(c)</c> anywhere, or <c>C.</c>, <c>c)</c>, <c>option C</c> at the start.</summary>
static class ChoiceLetters
{
    /// <summary>No letter, or a letter beyond the choices.</summary>
    public const int None = -1;

    static readonly string[] Prefixes = ["answer:", "answer ", "option ", "choice ", "letter "];

    /// <summary>Number of the first choice named by letter, from 0, or <see cref="None"/>.</summary>
    /// <param name="isAmbiguous">Whether different letters occur.</param>
    public static int Find(ReadOnlySpan<char> text, int count, out bool isAmbiguous)
    {
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
        return found != None ? found : FindAtStart(text, count);
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

    static int FindAtStart(ReadOnlySpan<char> text, int count)
    {
        foreach (string prefix in Prefixes)
        {
            if (text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) text = text[prefix.Length..].TrimStart();
        }
        if (text.IsEmpty) return None;
        // A blank after the letter would make an article of it.
        bool standsAlone = text.Length == 1 || text[1] is ')' or '.' or ':' or ',';
        return standsAlone ? IndexOf(text[0], count) : None;
    }

    static int IndexOf(char letter, int count)
    {
        int index = (letter | 0x20) - 'a';
        return char.IsAsciiLetter(letter) && index < count ? index : None;
    }
}
