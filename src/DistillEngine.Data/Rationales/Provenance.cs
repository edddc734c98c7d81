namespace DistillEngine.Data.Rationales;

/// <summary>Where a row comes from (<c>prov</c>). What is not known is null.</summary>
public sealed record Provenance
{
    public string? Run { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    public string? PromptSha { get; init; }

    public string? ParametersSha { get; init; }

    public string? Task { get; init; }

    public string? TaskSha { get; init; }

    public string? Tool { get; init; }

    /// <summary>Time in ISO 8601.</summary>
    public string? Created { get; init; }
}
