namespace DistillEngine.Data.Tasks;

/// <summary>A task file, schema <c>distill.task/1</c>: how rows become student inputs and targets, and how a teacher is asked.</summary>
public sealed record TaskDefinition
{
    /// <summary>Schema this engine reads.</summary>
    public const string SchemaName = "distill.task/1";

    /// <summary>The file, or <c>built-in:NAME</c>; shown in errors.</summary>
    public required string Path { get; init; }

    /// <summary>Lower-case letters, digits, <c>-</c> and <c>_</c>; first part of row ids.</summary>
    public required string Name { get; init; }

    public required TaskCategory Category { get; init; }

    public required DataOptions Data { get; init; }

    public required StudentOptions Student { get; init; }

    public required LabelOptions Labels { get; init; }

    /// <summary>Null where the file has no <c>teacher</c> section: such a task can be trained, not asked.</summary>
    public TeacherOptions? Teacher { get; init; }

    public required ParseOptions Parse { get; init; }

    public required FilterOptions Filter { get; init; }

    /// <summary>One of <see cref="Metrics.Metric.Names"/>.</summary>
    public required string Metric { get; init; }

    public string? License { get; init; }

    public string? Source { get; init; }

    /// <summary>SHA-256 of the definition without comments and blanks and with sorted keys, lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }
}
