namespace DistillEngine.Data.Rationales;

/// <summary>One fault of a rationale file.</summary>
/// <param name="Line">Line, from 1.</param>
/// <param name="Field">The field, or empty where the line as a whole is meant.</param>
/// <param name="Problem">What is wrong, and what was expected.</param>
public readonly record struct RowError(long Line, string Field, string Problem);
