namespace DistillEngine.Data.Rationales;

/// <summary>What became of the teacher's answer. Only <see cref="Ok"/> rows train their rationale and may lend the teacher's
/// label.</summary>
public enum RationaleStatus
{
    /// <summary>Answered and parsed, or a row that needs no teacher.</summary>
    Ok,

    /// <summary>Answered, but no label was found in it.</summary>
    ParseFailed,

    /// <summary>Parsed, but sorted out by a rule.</summary>
    Filtered,

    /// <summary>The teacher would not answer.</summary>
    Refused,

    /// <summary>No answer arrived.</summary>
    ApiError,

    /// <summary>The answer was cut off.</summary>
    Truncated,
}
