namespace DistillEngine.Data.Rationales;

/// <summary>One row of a <c>distill.rationale/1</c> file.</summary>
public sealed record RationaleRow
{
    /// <summary>Schema that is written; files of the same major version are read.</summary>
    public const string SchemaName = "distill.rationale/1";

    /// <summary><c>task/split/key</c>, unique within the file.</summary>
    public required string Id { get; init; }

    /// <summary>What the student reads, without prefix.</summary>
    public required string Input { get; init; }

    /// <summary>Gold label in the student's form, or null where the row has none.</summary>
    public string? Label { get; init; }

    /// <summary>The label the teacher gave, or null.</summary>
    public string? TeacherLabel { get; init; }

    public string? Rationale { get; init; }

    /// <summary>Further rationales for the same label; one of all is drawn per epoch.</summary>
    public IReadOnlyList<string> Rationales { get; init; } = [];

    public required RationaleStatus Status { get; init; }

    /// <summary>Notes such as <c>label_mismatch</c>.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>Why the row is not <see cref="RationaleStatus.Ok"/>, in one line, or null.</summary>
    public string? Reason { get; init; }

    /// <summary>The teacher's answer as it came, where it was rejected; null elsewhere.</summary>
    public string? Raw { get; init; }

    /// <summary>Weight of the row's tokens in both losses, finite and above 0.</summary>
    public double Weight { get; init; } = 1;

    public Vote? Vote { get; init; }

    public IReadOnlyList<TeacherSample> Samples { get; init; } = [];

    /// <summary>train, valid or test, or null.</summary>
    public string? Split { get; init; }

    /// <summary>The original columns as text, in file order; lists as JSON arrays.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Fields { get; init; } = [];

    public required Provenance Provenance { get; init; }

    public TeacherUsage? Usage { get; init; }

    /// <summary>All rationales that can be trained, the first one first; none unless the status is <see
    /// cref="RationaleStatus.Ok"/>.</summary>
    public IEnumerable<string> TrainableRationales()
    {
        if (Status != RationaleStatus.Ok) yield break;
        if (!string.IsNullOrEmpty(Rationale)) yield return Rationale;
        foreach (string rationale in Rationales)
        {
            if (rationale != Rationale) yield return rationale;
        }
    }

    /// <summary>The value of a field, or null.</summary>
    public string? Field(string name)
    {
        foreach (var (key, value) in Fields)
        {
            if (key == name) return value;
        }
        return null;
    }
}
