using DistillEngine.Data.Import;

namespace DistillEngine.Teacher.Replies;

/// <summary>Finds the label in what follows a marker.</summary>
interface IAnswerReader
{
    /// <param name="answer">Trimmed, not empty.</param>
    AnswerLabel Read(ReadOnlySpan<char> answer, SourceRow row);
}
