using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;

namespace DistillEngine.Teacher.Replies;

/// <summary>A label's text, made comparable.</summary>
static class LabelText
{
    /// <summary>Applies the task's steps, in their order.</summary>
    public static string Normalize(string text, IReadOnlyList<LabelNormalization> steps)
    {
        foreach (var step in steps)
        {
            text = step switch
            {
                LabelNormalization.Trim => text.Trim(),
                LabelNormalization.StripFinalDot => text.EndsWith('.') ? text[..^1] : text,
                LabelNormalization.LowerCase => text.ToLowerInvariant(),
                LabelNormalization.StripArticle => WithoutArticle(text),
                _ => throw new InvalidOperationException($"the normalization {step} has no rule."),
            };
        }
        return text;
    }

    /// <summary>
    /// The names that occur in a text as whole words and are not denied, by number and in the order of the text. A name within a longer one
    /// that occurs at the same place does not count; nor does a second occurrence.
    /// </summary>
    /// <param name="names">Names as <see cref="ChoiceMatch.Simplify"/> leaves them.</param>
    public static List<int> Contained(string text, IReadOnlyList<string> names)
    {
        string simple = ChoiceMatch.Simplify(text);
        var hits = new List<(int Start, int End, int Name)>();
        for (int name = 0; name < names.Count; name++)
        {
            if (names[name].Length == 0) continue;
            for (int at = 0; (at = simple.IndexOf(names[name], at, StringComparison.Ordinal)) >= 0; at++)
            {
                int end = at + names[name].Length;
                if (!IsBoundary(simple, at - 1) || !IsBoundary(simple, end)) continue;
                if (!ChoiceLetters.IsNegated(simple.AsSpan(0, at))) hits.Add((at, end, name));
                break;
            }
        }
        hits.Sort();
        var found = new List<int>();
        foreach (var hit in hits)
        {
            bool isWithin = hits.Exists(other => other.Start <= hit.Start && hit.End <= other.End
                && other.End - other.Start > hit.End - hit.Start);
            if (!isWithin && !found.Exists(name => names[name] == names[hit.Name])) found.Add(hit.Name);
        }
        return found;
    }

    static bool IsBoundary(string text, int index) =>
        index < 0 || index >= text.Length || !(char.IsLetterOrDigit(text[index]) || text[index] is '_');

    static string WithoutArticle(string text)
    {
        foreach (string article in (ReadOnlySpan<string>)["a ", "an ", "the "])
        {
            if (text.StartsWith(article, StringComparison.OrdinalIgnoreCase)) return text[article.Length..];
        }
        return text;
    }
}
