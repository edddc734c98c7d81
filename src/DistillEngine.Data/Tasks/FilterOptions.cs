namespace DistillEngine.Data.Tasks;

/// <summary>Which of the teacher's rows are kept (<c>filter</c>).</summary>
public sealed record FilterOptions
{
    public bool RequireLabelMatch { get; init; }

    /// <summary>Least share of samples that agree with the vote, 0 to 1.</summary>
    public double MinAgreement { get; init; }

    /// <summary>Whether rows of equal input are kept once (<c>input</c>) or all (<c>none</c>).</summary>
    public bool DedupeInput { get; init; }
}
