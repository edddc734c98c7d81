using DistillEngine.Data.Rationales;
using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>A row made from answers, and what the report counts of it.</summary>
/// <param name="Row">With its raw answer where it is rejected.</param>
/// <param name="Code">How parsing ended; null where no answer arrived.</param>
/// <param name="Samples">How each answer parsed.</param>
/// <param name="IsCorrect">Whether the teacher's label is the gold label by the task's metric; null where one of them is missing.</param>
sealed record AssembledRow(RationaleRow Row, ParseCode? Code, IReadOnlyList<ParseCode> Samples, bool? IsCorrect)
{
    /// <summary>Whether the trainer shall not see the row at all: its input is another row's.</summary>
    public bool IsDuplicate { get; init; }
}
