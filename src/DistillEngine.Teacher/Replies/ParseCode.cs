namespace DistillEngine.Teacher.Replies;

/// <summary>What came of taking an answer apart (<c>parse</c> in rationale files; names as <see cref="ParseCodes.NameOf"/> gives
/// them).</summary>
public enum ParseCode
{
    /// <summary>A label and a rationale were found.</summary>
    Ok,

    /// <summary>No marker says where the label stands, or nothing follows it.</summary>
    NoMarker,

    /// <summary>Several labels are named.</summary>
    Ambiguous,

    /// <summary>What follows the marker is none of the possible labels.</summary>
    NotInLabelSet,

    /// <summary>What follows the marker has no value.</summary>
    NotEvaluable,

    /// <summary>There is a label, but no rationale worth the name before it.</summary>
    EmptyRationale,

    /// <summary>The answer ends before its label does, or is too long to be one.</summary>
    Truncated,

    /// <summary>The same words again and again.</summary>
    Loop,

    /// <summary>The teacher declines to answer.</summary>
    Refusal,
}
