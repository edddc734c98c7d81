using System.Text;

namespace DistillEngine.Data.Metrics;

/// <summary>
/// A prediction is right when it names the same choice as the label: by letter (<c>(b)</c>, or <c>b</c> alone), by exact text, by text
/// without case, articles, punctuation at the end and doubled blanks, or because it contains, as whole words, exactly one choice. Without
/// choices the simplified texts are compared.
/// </summary>
public sealed class ChoiceMatch : Metric
{
    /// <summary>Result of <see cref="Find"/> where no choice, or more than one, is named.</summary>
    public const int None = -1;

    public override string Name => "choice";

    public override double Score(string prediction, string label, IReadOnlyList<string>? choices = null)
    {
        if (choices is not { Count: > 0 }) return Simplify(prediction) is { Length: > 0 } text && text == Simplify(label) ? 1 : 0;
        int predicted = Find(prediction, choices);
        if (predicted == None) return 0;
        int wanted = Find(label, choices);
        // Equal texts under two letters are one answer; real data hold such rows.
        return wanted != None && (predicted == wanted || Simplify(choices[predicted]) == Simplify(choices[wanted])) ? 1 : 0;
    }

    /// <summary>Number of the choice that a text names, from 0, or <see cref="None"/>.</summary>
    public static int Find(string text, IReadOnlyList<string> choices)
    {
        for (int i = 0; i < choices.Count; i++)
        {
            if (choices[i] == text) return i;
        }
        int letter = FindLetter(text, choices.Count, out bool isAmbiguous);
        if (isAmbiguous) return None;
        if (letter != None) return letter;
        string simple = Simplify(text);
        for (int i = 0; i < choices.Count; i++)
        {
            if (simple.Length > 0 && Simplify(choices[i]) == simple) return i;
        }
        return FindContained($" {simple} ", choices);
    }

    /// <summary>Lower case, without a leading article, final punctuation and doubled blanks.</summary>
    public static string Simplify(string text)
    {
        var words = new StringBuilder(text.Length);
        foreach (string word in text.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (words.Length == 0 && word is "a" or "an" or "the") continue;
            if (words.Length > 0) words.Append(' ');
            words.Append(word);
        }
        return words.ToString().TrimEnd('.', ',', ';', '!', '?', ' ');
    }

    /// <summary>A letter in parentheses anywhere, or a letter that is the whole text.</summary>
    static int FindLetter(string text, int count, out bool isAmbiguous)
    {
        int found = None;
        isAmbiguous = false;
        for (int i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] != '(' || text[i + 2] != ')') continue;
            int letter = char.ToLowerInvariant(text[i + 1]) - 'a';
            if (letter < 0 || letter >= count) continue;
            if (found != None && found != letter) isAmbiguous = true;
            found = letter;
        }
        if (found != None) return found;
        string alone = text.Trim().TrimEnd('.', ')');
        return alone.Length == 1 && char.ToLowerInvariant(alone[0]) - 'a' is >= 0 and var index && index < count ? index : None;
    }

    static int FindContained(string paddedText, IReadOnlyList<string> choices)
    {
        int found = None;
        for (int i = 0; i < choices.Count; i++)
        {
            string choice = Simplify(choices[i]);
            if (choice.Length == 0 || !paddedText.Contains($" {choice} ", StringComparison.Ordinal)) continue;
            if (found != None && Simplify(choices[found]) != choice) return None;
            found = i;
        }
        return found;
    }
}
