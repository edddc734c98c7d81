using DistillEngine.Data.Import;
using DistillEngine.Data.Metrics;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Prompts;

namespace DistillEngine.Teacher.Replies;

/// <summary>
/// Parsing by the task's own rules (<c>parse</c> and <c>labels</c>): thinking is removed, the answer ends at the first cut string, the label
/// follows the last marker on its line, the rationale is what stands before it. An answer that does not give exactly one label and a
/// rationale is rejected with a reason; nothing is guessed, and the gold label is never looked at.
/// </summary>
public sealed class ReplyParser : IReplyParser
{
    /// <summary>Characters that are looked at, thinking and what follows a cut string aside: more than any teacher writes about one row.
    /// It bounds the time a runaway answer takes.</summary>
    public const int MaxChars = 1 << 18;

    /// <summary>Times a label may be said again at the end; further ones stay in the rationale.</summary>
    const int MaxRepeatedMarkers = 8;

    /// <summary>Characters besides the label that may stand between two markers which say the same.</summary>
    const int MaxRepeatedChars = 24;

    readonly ParseOptions _options;
    readonly IAnswerReader _reader;
    readonly bool _isWholeText;
    readonly int _maxRationaleTokens;
    readonly string _cue;

    public ReplyParser(TaskDefinition task)
    {
        ArgumentNullException.ThrowIfNull(task);
        _options = task.Parse;
        _isWholeText = task.Category == TaskCategory.Text;
        _maxRationaleTokens = task.Student.MaxRationaleTokens;
        _reader = task.Category switch
        {
            TaskCategory.MultipleChoice => new ChoiceReader(task.Labels, task.Parse),
            TaskCategory.Classification => new ClassReader(task.Labels, task.Parse),
            TaskCategory.Equation => new EquationReader(),
            _ => new FreeTextReader(task.Labels),
        };
        _cue = CueOf(task.Teacher?.Query.Text ?? "");
    }

    /// <inheritdoc/>
    public ParsedReply Parse(string text, string? finish, SourceRow row)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(row);
        var body = ReplyBody.Of(text, _options, _cue);
        if (finish == "content_filter") return ParsedReply.Rejected(ParseCode.Refusal, "the server filtered the answer (content_filter).");
        if (body.Text.Length > MaxChars)
        {
            return ParsedReply.Rejected(ParseCode.Truncated,
                $"the answer has {body.Text.Length} characters (expected at most {MaxChars}).");
        }
        bool isCutShort = finish is "length" or "max_tokens" && !body.IsCut;
        if (ObjectReply.Within(body.Text) is { IsEmpty: false } json) return OfObject(json, isCutShort, row);
        var marker = _options.TakeLast ? AnswerMarker.Last(body.Text, _options.Markers) : AnswerMarker.First(body.Text, _options.Markers);
        if (marker is not { } found) return WithoutMarker(body, isCutShort);
        var answer = AnswerText(body.Text, found, out bool reachesEnd);
        if (answer.IsEmpty)
        {
            return isCutShort
                ? ParsedReply.Rejected(ParseCode.Truncated, "the token limit ended the answer before its label.")
                : ParsedReply.Rejected(ParseCode.NoMarker, $"nothing follows '{body.Text[found.Start..found.End]}'.");
        }
        var label = _reader.Read(answer, row);
        bool isOpen = isCutShort && reachesEnd && !body.Text.EndsWith(".") && !label.IsCertain;
        if (isOpen) return ParsedReply.Rejected(ParseCode.Truncated, "the token limit ended the answer within its label.");
        if (label.Code != ParseCode.Ok) return ParsedReply.Rejected(label.Code, label.Reason!);
        int end = _options.TakeLast ? WithoutRepeats(body.Text, found.Start, label.Label!, row) : found.Start;
        return WithRationale(RationaleText.Before(body.Text[..end]), label, row);
    }

    ParsedReply OfObject(ReadOnlySpan<char> json, bool isCutShort, SourceRow row)
    {
        if (ObjectReply.TryRead(json) is not { } reply)
            return isCutShort
                ? ParsedReply.Rejected(ParseCode.Truncated, "the token limit ended the answer within its JSON object.")
                : ParsedReply.Rejected(ParseCode.NoMarker, $"the answer is JSON (expected text, or an object with {ObjectReply.Expected}).");
        var label = _reader.Read(reply.Label.Trim(), row);
        if (label.Code != ParseCode.Ok) return ParsedReply.Rejected(label.Code, label.Reason!);
        int end = WithoutRepeats(reply.Rationale, reply.Rationale.Length, label.Label!, row);
        return WithRationale(RationaleText.Before(reply.Rationale.AsSpan(0, end)), label, row);
    }

    ParsedReply WithRationale(string rationale, AnswerLabel label, SourceRow row)
    {
        string name = label.Label!;
        if (rationale.Length < Math.Max(1, _options.MinRationaleChars))
            return ParsedReply.Rejected(ParseCode.EmptyRationale, rationale.Length == 0
                ? "no rationale stands before the label."
                : $"the rationale has {rationale.Length} characters (expected at least {_options.MinRationaleChars}).", name);
        if (Repetition.Find(rationale, _options.MaxRepeatNgram) is { } repeated)
            return ParsedReply.Rejected(ParseCode.Loop, repeated, name);
        if (IsQuestion(rationale, row.Input))
            return ParsedReply.Rejected(ParseCode.EmptyRationale, "the rationale only repeats the question.", name);
        var flags = new List<string>(label.Flags);
        if (label.Value is { } value && RationaleText.FinalNumber(rationale) is { } stated && !EquationText.AreEqual(stated, value))
            flags.Add("value_mismatch");
        if (TokenEstimate.Of(rationale) > _maxRationaleTokens) flags.Add("long_rationale");
        return ParsedReply.Accepted(name, rationale, flags);
    }

    ParsedReply WithoutMarker(ReplyBody body, bool isCutShort)
    {
        if (body.IsThinking && body.Text.IsEmpty)
        {
            return ParsedReply.Rejected(ParseCode.Truncated,
                "the answer ends within its thinking (expected a closing tag; raise max_tokens).");
        }
        if (body.Text.IsEmpty)
        {
            return isCutShort
                ? ParsedReply.Rejected(ParseCode.Truncated, "the token limit ended the answer before it began (raise max_tokens).")
                : ParsedReply.Rejected(ParseCode.NoMarker, "the answer is empty.");
        }
        if (Refusals.IsRefusal(body.Text)) return ParsedReply.Rejected(ParseCode.Refusal, "the teacher declines to answer.");
        if (Repetition.Find(body.Text, _options.MaxRepeatNgram) is { } repeated) return ParsedReply.Rejected(ParseCode.Loop, repeated);
        return isCutShort
            ? ParsedReply.Rejected(ParseCode.Truncated, "the token limit ended the answer before its label.")
            : ParsedReply.Rejected(ParseCode.NoMarker,
                $"none of the markers occurs ({string.Join(", ", _options.Markers.Select(m => $"'{m}'"))}).");
    }

    /// <summary>The line after the marker, or for free text all that follows; for a marker that opens a brace, what stands up to its
    /// partner.</summary>
    ReadOnlySpan<char> AnswerText(ReadOnlySpan<char> body, AnswerMarker marker, out bool reachesEnd)
    {
        var rest = body[marker.End..];
        reachesEnd = true;
        if (body[marker.End - 1] == '{')
        {
            int close = ClosingBrace(rest);
            reachesEnd = close < 0;
            return (close < 0 ? rest : rest[..close]).Trim();
        }
        if (!_options.TakeLast && AnswerMarker.First(rest, _options.Markers) is { } next)
        {
            reachesEnd = false;
            rest = rest[..next.Start];
        }
        rest = rest.TrimStart(" \t\r\n:*_`\"“”");
        if (_isWholeText) return rest.Trim();
        int feed = rest.IndexOf('\n');
        if (feed >= 0)
        {
            reachesEnd = false;
            rest = rest[..feed];
        }
        return rest.TrimEnd(" \t\r*_`\"“”");
    }

    static int ClosingBrace(ReadOnlySpan<char> text)
    {
        int open = 1;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '{') open++;
            else if (text[i] == '}' && --open == 0) return i;
        }
        return -1;
    }

    /// <summary>Where the rationale ends when the label is said several times in a row: a student should not learn to say it
    /// twice.</summary>
    int WithoutRepeats(ReadOnlySpan<char> body, int start, string label, SourceRow row)
    {
        for (int i = 0; i < MaxRepeatedMarkers; i++)
        {
            if (AnswerMarker.Last(body[..start], _options.Markers) is not { } earlier) break;
            var between = body[earlier.End..start].Trim(" \t\r\n:*_$");
            if (between.IsEmpty)
            {
                // Two markers side by side, such as "the answer is \boxed{", are one.
                start = earlier.Start;
                continue;
            }
            if (between.Length > label.Length + MaxRepeatedChars) break;
            if (_reader.Read(between, row).Label != label) break;
            start = earlier.Start;
        }
        return start;
    }

    static bool IsQuestion(string rationale, string input) =>
        Math.Abs(rationale.Length - input.Length) < 16 && ChoiceMatch.Simplify(rationale) == ChoiceMatch.Simplify(input);

    /// <summary>What stands after the last variable of the question's template, such as <c>A:</c>.</summary>
    static string CueOf(string query)
    {
        int end = query.LastIndexOf("}}", StringComparison.Ordinal);
        return end < 0 ? "" : query[(end + 2)..].Trim();
    }
}
