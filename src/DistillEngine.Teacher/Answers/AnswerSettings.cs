using DistillEngine.Data.Rationales;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>How answers become rows.</summary>
public sealed record AnswerSettings
{
    public required TaskDefinition Task { get; init; }

    /// <summary>The rules that take answers apart; see <see cref="ReplyParsers"/>.</summary>
    public required IReplyParser Parser { get; init; }

    /// <summary>What all rows share; the time is taken from the journal.</summary>
    public required Provenance Provenance { get; init; }

    /// <summary>Answers asked for each row, at least 1.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>US dollars for tokens read and written, or null where prices are not known.</summary>
    public Func<long, long, double>? Cost { get; init; }

    /// <summary>Key of a row's sample (<see cref="TeacherRequest.Key"/>). Rows with the same prompt share an answer, and answers to other
    /// prompts do not count. Null: answers are found by id and sample.</summary>
    public Func<TeacherRow, int, string>? KeyOf { get; init; }

    /// <summary>Whether an answer to any other prompt is an error rather than left out.</summary>
    public bool NeedsAllAnswers { get; init; }
}
