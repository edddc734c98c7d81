namespace DistillEngine.Teacher.Replies;

/// <summary>An answer taken apart.</summary>
public sealed record ParsedReply
{
    ParsedReply(ParseCode code, string? label, string? rationale, string? reason, IReadOnlyList<string> flags) =>
        (Code, Label, Rationale, Reason, Flags) = (code, label, rationale, reason, flags);

    public ParseCode Code { get; }

    /// <summary>The label in the student's form; null where none was found.</summary>
    public string? Label { get; }

    /// <summary>The text before the label; null unless <see cref="Code"/> is <see cref="ParseCode.Ok"/>.</summary>
    public string? Rationale { get; }

    /// <summary>Why the answer is rejected, in one line; null where it is not.</summary>
    public string? Reason { get; }

    /// <summary>What deserves a look in an accepted answer, such as <c>letter_text_mismatch</c>.</summary>
    public IReadOnlyList<string> Flags { get; }

    public bool IsOk => Code == ParseCode.Ok;

    public static ParsedReply Accepted(string label, string rationale, params IReadOnlyList<string> flags) =>
        new(ParseCode.Ok, label, rationale, null, flags);

    /// <param name="label">The label, where one was found all the same.</param>
    public static ParsedReply Rejected(ParseCode code, string reason, string? label = null) => code == ParseCode.Ok
        ? throw new ArgumentException("a rejected answer needs another code than ok.", nameof(code))
        : new(code, label, null, reason, []);
}
