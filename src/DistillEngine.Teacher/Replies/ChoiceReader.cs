using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>Multiple choice: by letter, then by exact text, by simplified text, by the one choice that the answer contains; or text before
/// letter, where the task prefers it.</summary>
sealed class ChoiceReader(LabelOptions labels, ParseOptions options) : IAnswerReader
{
    /// <inheritdoc/>
    public AnswerLabel Read(ReadOnlySpan<char> answer, SourceRow row)
    {
        if (row.Choices is not { Count: > 0 } choices)
            return AnswerLabel.None(ParseCode.NotInLabelSet, "the row has no choices (expected a list in the column of labels.from).");
        string text = answer.ToString();
        if (options.PreferLetter)
        {
            var byLetter = ByLetter(text, choices);
            return byLetter ?? ByText(text, choices) ?? Unknown(text);
        }
        return ByText(text, choices) ?? ByLetter(text, choices) ?? Unknown(text);
    }

    AnswerLabel? ByLetter(string text, IReadOnlyList<string> choices)
    {
        int letter = ChoiceLetters.Find(text, choices, out bool isAmbiguous);
        if (letter == ChoiceLetters.None) return null;
        if (isAmbiguous)
        {
            return options.RejectAmbiguous
                ? AnswerLabel.None(ParseCode.Ambiguous, $"several letters are named: {AnswerLabel.Quote(text)}.")
                : AnswerLabel.Found(choices[letter], isCertain: true, "first_of_several");
        }
        return NamesAnother(text, choices, letter)
            ? AnswerLabel.Found(choices[letter], isCertain: true, "letter_text_mismatch")
            : AnswerLabel.Found(choices[letter], isCertain: true);
    }

    AnswerLabel? ByText(string text, IReadOnlyList<string> choices)
    {
        text = Spelled(LabelText.Normalize(text, labels.Normalize));
        string simple = ChoiceMatch.Simplify(text);
        var names = new string[choices.Count];
        for (int i = 0; i < names.Length; i++)
        {
            if (choices[i] == text) return AnswerLabel.Found(choices[i], isCertain: false);
            names[i] = ChoiceMatch.Simplify(choices[i]);
        }
        int equal = Array.IndexOf(names, simple);
        if (equal >= 0 && simple.Length > 0) return AnswerLabel.Found(choices[equal], isCertain: false);
        var contained = LabelText.Contained(text, names);
        return contained.Count switch
        {
            0 => null,
            1 => AnswerLabel.Found(choices[contained[0]], isCertain: false),
            _ when options.RejectAmbiguous =>
                AnswerLabel.None(ParseCode.Ambiguous, $"several choices are named: {AnswerLabel.Quote(text)}."),
            _ => AnswerLabel.Found(choices[contained[0]], isCertain: false, "first_of_several"),
        };
    }

    /// <summary>Whether the text after a letter is, word for word, a choice of another letter.</summary>
    static bool NamesAnother(string text, IReadOnlyList<string> choices, int letter)
    {
        int close = text.IndexOf(')');
        if (close < 0) return false;
        string rest = ChoiceMatch.Simplify(text[(close + 1)..]);
        if (rest.Length == 0 || rest == ChoiceMatch.Simplify(choices[letter])) return false;
        return choices.Any(choice => ChoiceMatch.Simplify(choice) == rest);
    }

    string Spelled(string text) => labels.Synonyms.TryGetValue(text, out string? label) ? label : text;

    static AnswerLabel Unknown(string text) =>
        AnswerLabel.None(ParseCode.NotInLabelSet, $"{AnswerLabel.Quote(text)} names none of the choices.");
}
