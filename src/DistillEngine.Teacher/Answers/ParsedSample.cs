using DistillEngine.Teacher.Replies;

namespace DistillEngine.Teacher.Answers;

/// <summary>One answer of a row.</summary>
/// <param name="Index">Number of the sample, from 0.</param>
sealed record ParsedSample(int Index, JournalEntry Entry, ParsedReply Reply);
