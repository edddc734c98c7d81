namespace DistillEngine.Teacher.Batches;

/// <summary>What an import found.</summary>
public sealed record BatchImportReport
{
    public required int Lines { get; init; }

    /// <summary>Answers that the journal now holds and did not hold before.</summary>
    public required int Imported { get; init; }

    /// <summary>Lines about questions that had an answer already, and failures that the journal holds already.</summary>
    public required int Repeated { get; init; }

    /// <summary>Lines whose <c>custom_id</c> is no question of the run.</summary>
    public required int Unknown { get; init; }

    /// <summary>Lines that tell of an error; the journal notes them and the questions stay open.</summary>
    public required int Failed { get; init; }

    /// <summary>Lines that are no lines of a batch, as <c>path:line: problem</c>.</summary>
    public required IReadOnlyList<string> Damaged { get; init; }
}
