namespace DistillEngine.Teacher.Runs;

/// <summary>What a run brought.</summary>
/// <param name="Reason">Why it ended before its end, in one line; null where it did not.</param>
/// <param name="Last">The state when it ended.</param>
/// <param name="Errors">Failed attempts by kind, the most frequent first.</param>
public sealed record RunResult(RunOutcome Outcome, string? Reason, RunSnapshot Last, IReadOnlyList<ErrorGroup> Errors);
