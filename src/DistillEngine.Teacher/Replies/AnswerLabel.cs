namespace DistillEngine.Teacher.Replies;

/// <summary>The label found after a marker, or why there is none.</summary>
readonly record struct AnswerLabel
{
    public ParseCode Code { get; private init; }

    public string? Label { get; private init; }

    public string? Reason { get; private init; }

    /// <summary>Value of an equation, or null.</summary>
    public double? Value { get; private init; }

    /// <summary>Whether words that are missing at the end could not change the label.</summary>
    public bool IsCertain { get; private init; }

    public IReadOnlyList<string> Flags { get => field ?? []; private init; }

    public static AnswerLabel Found(string label, bool isCertain, params IReadOnlyList<string> flags) =>
        new() { Code = ParseCode.Ok, Label = label, IsCertain = isCertain, Flags = flags };

    public static AnswerLabel Equation(string label, double value, params IReadOnlyList<string> flags) =>
        new() { Code = ParseCode.Ok, Label = label, Value = value, Flags = flags };

    public static AnswerLabel None(ParseCode code, string reason) => new() { Code = code, Reason = reason };

    /// <summary>A text shortened for a reason, on one line.</summary>
    public static string Quote(ReadOnlySpan<char> text)
    {
        var shown = text.Length <= 60 ? text : text[..60];
        string line = shown.ToString().ReplaceLineEndings(" ");
        return text.Length <= 60 ? $"'{line}'" : $"'{line}…'";
    }
}
