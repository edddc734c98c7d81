namespace DistillEngine.Data.Rationales;

/// <summary>What is wrong with a rationale file.</summary>
/// <param name="Rows">Lines read.</param>
/// <param name="ErrorCount">All faults, of which <paramref name="Errors"/> may hold only the first.</param>
/// <param name="Errors">Messages in file order, each with path and line.</param>
public sealed record ValidationReport(long Rows, long ErrorCount, IReadOnlyList<string> Errors)
{
    public bool IsValid => ErrorCount == 0;
}
