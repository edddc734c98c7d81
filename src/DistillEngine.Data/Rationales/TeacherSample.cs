namespace DistillEngine.Data.Rationales;

/// <summary>One of the teacher's answers.</summary>
/// <param name="Index">Number of the sample, from 0 (<c>i</c>).</param>
/// <param name="Parse">How it parsed, such as <c>ok</c> or <c>no_marker</c>.</param>
/// <param name="Finish">Why the teacher stopped.</param>
/// <param name="InputTokens">Tokens of the prompt (<c>in</c>).</param>
/// <param name="OutputTokens">Tokens of the answer (<c>out</c>).</param>
/// <param name="Key">Key of the answer in the run's journal.</param>
public sealed record TeacherSample(int Index, string? Label, string? Parse, string? Finish, long? InputTokens, long? OutputTokens,
    string? Key);
