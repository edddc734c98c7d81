using System.Text;

namespace DistillEngine.Data.Import;

/// <summary>The rules by which the published code splits a teacher's output into rationale and label, one set per data set.</summary>
/// <remarks>Source: google-research/distilling-step-by-step, data_utils.py. They are kept as they are, flaws included, so that published
/// numbers can be reproduced; the golden cases under <c>published/metrics</c> hold them to that.</remarks>
public sealed class PublishedParser
{
    readonly Func<string, ParsedOutput> _parse;

    PublishedParser(string task, string unparsed, Func<string, ParsedOutput> parse) => (Task, Unparsed, _parse) = (task, unparsed, parse);

    /// <summary>Tasks that the published code has rules for.</summary>
    public static IReadOnlyList<string> Tasks { get; } = ["anli1", "cqa", "esnli", "svamp"];

    public string Task { get; }

    /// <summary>What the published code trains on in place of a label or rationale that it did not find.</summary>
    public string Unparsed { get; }

    /// <exception cref="ArgumentException">There are no published rules for this task.</exception>
    public static PublishedParser For(string task) => task switch
    {
        "anli1" => new(task, "", ParseAnli),
        "cqa" => new(task, " ", ParseCqa),
        "esnli" => new(task, " ", ParseEsnli),
        "svamp" => new(task, " ", ParseSvamp),
        _ => throw new ArgumentException($"the published layout has no parsing rules for the task '{task}' "
            + $"({DataError.Suggest(task, Tasks)}).", nameof(task)),
    };

    public ParsedOutput Parse(string output) => _parse(output);

    static ParsedOutput ParseSvamp(string output)
    {
        if (!TrySplitOnce(PythonText.TrimEnd(Before(output, "Q:")), "The answer is", out string rationale, out string rest))
            return new(" ", " ");
        return new(PythonText.TrimEnd(rationale), FindEquation(rest) ?? " ");
    }

    /// <summary>From the first '(' of a line to its last ')'; the first line that has both counts.</summary>
    static string? FindEquation(string text)
    {
        foreach (string line in text.Split('\n'))
        {
            int open = line.IndexOf('(');
            int close = line.LastIndexOf(')');
            if (open >= 0 && close > open) return line[open..(close + 1)];
        }
        return null;
    }

    static ParsedOutput ParseCqa(string output)
    {
        if (!TrySplitOnce(PythonText.TrimEnd(Before(output, "Q:")), "So the answer is", out string rationale, out string rest))
            return new(" ", " ", EndsThePublishedRun: true);
        string? label = AfterFirstChoice(rest);
        if (string.IsNullOrEmpty(label)) label = " ";
        else if (label[^1] == '.') label = label[..^1];
        return new(PythonText.TrimEnd(rationale), label);
    }

    /// <summary>What follows the first <c>(x)</c>, up to the next, trimmed; null where there is none.</summary>
    static string? AfterFirstChoice(string text)
    {
        int start = FindChoice(text, 0, out int end);
        if (start < 0) return null;
        int next = FindChoice(text, end, out _);
        return PythonText.Trim(next < 0 ? text[end..] : text[end..next]);
    }

    /// <summary>Position of the next '(', one character that is no line feed, ')'.</summary>
    static int FindChoice(string text, int from, out int end)
    {
        for (int i = from; i < text.Length; i++)
        {
            if (text[i] != '(' || i + 1 >= text.Length || text[i + 1] == '\n') continue;
            _ = Rune.DecodeFromUtf16(text.AsSpan(i + 1), out _, out int width);
            end = i + 2 + width;
            if (end <= text.Length && text[end - 1] == ')') return i;
        }
        end = text.Length;
        return -1;
    }

    static ParsedOutput ParseAnli(string output)
    {
        if (!TrySplitOnce(PythonText.TrimEnd(Before(output, "Premise:")), "So the answer is", out string rationale, out string rest))
            return new("", "");
        string label = PythonText.TrimStart(rest);
        // The last character is dropped, whatever it is.
        int keep = label.Length == 0 ? 0 : label.Length - (char.IsLowSurrogate(label[^1]) ? 2 : 1);
        return new(PythonText.TrimEnd(rationale), label[..keep]);
    }

    static ParsedOutput ParseEsnli(string output)
    {
        string rationale = PythonText.TrimEnd(Before(output, "Answer:"));
        string[] parts = output.Split("Answer: ");
        return new(rationale, parts.Length < 2 ? " " : PythonText.TrimEnd(Before(parts[1], "Premise")));
    }

    static string Before(string text, string mark)
    {
        int index = text.IndexOf(mark, StringComparison.Ordinal);
        return index < 0 ? text : text[..index];
    }

    /// <summary>Splits at a marker that must occur exactly once.</summary>
    static bool TrySplitOnce(string text, string marker, out string before, out string after)
    {
        (before, after) = ("", "");
        int first = text.IndexOf(marker, StringComparison.Ordinal);
        if (first < 0 || text.IndexOf(marker, first + marker.Length, StringComparison.Ordinal) >= 0) return false;
        (before, after) = (text[..first], text[(first + marker.Length)..]);
        return true;
    }
}
