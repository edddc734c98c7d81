namespace DistillEngine.Teacher.Replies;

/// <summary>Finds texts that go round in circles.</summary>
static class Repetition
{
    /// <summary>Longest group of words whose repetition is looked for; it bounds the time to words × this.</summary>
    const int MaxPeriod = 64;

    /// <summary>A longer word is no word: digits or letters without end.</summary>
    const int MaxWordChars = 200;

    /// <summary>A description of the first repetition found, or null.</summary>
    /// <param name="times">Repetitions in a row that make a loop; 0 looks for none.</param>
    public static string? Find(ReadOnlySpan<char> text, int times)
    {
        if (times == 0) return null;
        var words = new List<(ulong Hash, bool HasLetter)>();
        foreach (var range in text.SplitAny(" \t\r\n"))
        {
            var word = text[range];
            if (word.IsEmpty) continue;
            if (word.Length > MaxWordChars) return $"a word of {word.Length} characters: {AnswerLabel.Quote(word)}.";
            words.Add((HashOf(word), HasLetter(word)));
        }
        if (times == 1) times = 2;
        for (int period = 1; period <= MaxPeriod && period * times <= words.Count; period++)
        {
            int run = 0;
            for (int i = period; i < words.Count; i++)
            {
                run = words[i].Hash == words[i - period].Hash ? run + 1 : 0;
                // Sums such as 2 + 2 + 2 + 2 + 2 + 2 repeat themselves with good reason.
                if (run >= period * (times - 1) && AnyLetter(words, i - period + 1, period))
                    return $"{(period == 1 ? "a word" : $"{period} words")} repeated at least {times} times in a row.";
            }
        }
        return null;
    }

    static bool AnyLetter(List<(ulong Hash, bool HasLetter)> words, int start, int count)
    {
        for (int i = start; i < start + count; i++)
        {
            if (words[i].HasLetter) return true;
        }
        return false;
    }

    /// <summary>FNV-1a over the lower-case word. The runtime's own hash differs from one process to the next, and equal answers shall give equal
    /// files.</summary>
    static ulong HashOf(ReadOnlySpan<char> word)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in word) hash = (hash ^ char.ToLowerInvariant(c)) * 1099511628211;
        return hash;
    }

    static bool HasLetter(ReadOnlySpan<char> word)
    {
        foreach (char c in word)
        {
            if (char.IsLetter(c)) return true;
        }
        return false;
    }
}
