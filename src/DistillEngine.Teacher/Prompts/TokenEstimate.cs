namespace DistillEngine.Teacher.Prompts;

/// <summary>
/// Tokens that a text will cost, without knowing the teacher's tokenizer: a word counts one for every 6 letters begun, a number one for every
/// 3 digits begun, any other visible character one, and so does a line feed; blanks belong to the word after them. Meant for plans and
/// limits, which the counts of the server then correct.
/// </summary>
public static class TokenEstimate
{
    const int LettersAToken = 6;
    const int DigitsAToken = 3;

    /// <summary>Role and separators of one turn of a chat.</summary>
    const int TokensATurn = 4;

    public static int Of(ReadOnlySpan<char> text)
    {
        int tokens = 0;
        for (int i = 0; i < text.Length;)
        {
            int start = i;
            if (IsLatinLetter(text[i]))
            {
                while (i < text.Length && IsLatinLetter(text[i])) i++;
                tokens += (i - start + LettersAToken - 1) / LettersAToken;
            }
            else if (char.IsAsciiDigit(text[i]))
            {
                while (i < text.Length && char.IsAsciiDigit(text[i])) i++;
                tokens += (i - start + DigitsAToken - 1) / DigitsAToken;
            }
            else
            {
                if (text[i] == '\n' || !char.IsWhiteSpace(text[i])) tokens++;
                i++;
            }
        }
        return tokens;
    }

    public static int Of(TeacherPrompt prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (prompt.Text is { } text) return Of(text);
        int tokens = 0;
        foreach (var message in prompt.Messages!) tokens += Of(message.Content) + TokensATurn;
        return tokens;
    }

    /// <summary>Letters of alphabets whose words are split into pieces of several letters; in other scripts a letter is about a
    /// token.</summary>
    static bool IsLatinLetter(char c) => c < '\u0530' && char.IsLetter(c);
}
