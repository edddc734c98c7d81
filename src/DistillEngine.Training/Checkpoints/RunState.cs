using System.Text.Json.Serialization;

namespace DistillEngine.Training;

/// <summary>Where a run stands after a step: everything beside weights and optimizer that the next step depends on.</summary>
public sealed record RunState
{
    /// <summary>Written into every state file; readers refuse others.</summary>
    public const string SchemaName = "distill.state/1";

    public string Schema { get; init; } = SchemaName;

    /// <summary>Optimizer steps done.</summary>
    public required long Step { get; init; }

    public required int Epoch { get; init; }

    /// <summary>Rows of the epoch that are done.</summary>
    public required int Row { get; init; }

    /// <summary>Steps the optimizer has taken: skipped ones do not count.</summary>
    public required long OptimizerStep { get; init; }

    /// <summary>Last steps in a row that were skipped because their loss or gradient was no number.</summary>
    public int SkippedInARow { get; init; }

    /// <summary>Best validation accuracy so far and the step it was reached at; null before the first evaluation.</summary>
    public double? BestAccuracy { get; init; }

    public long BestStep { get; init; }

    /// <summary>Evaluations since the best one.</summary>
    public int EvaluationsSinceBest { get; init; }

    /// <summary>Instruction set the run computes on: the same one gives the same bits.</summary>
    public required string Device { get; init; }

    /// <summary>What the run was started with, by option: a resumed run must agree.</summary>
    public required SortedDictionary<string, string> Settings { get; init; }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(RunState))]
sealed partial class RunStateJson : JsonSerializerContext;
