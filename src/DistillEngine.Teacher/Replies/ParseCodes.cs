using DistillEngine.Data.Rationales;

namespace DistillEngine.Teacher.Replies;

/// <summary>Names and consequences of <see cref="ParseCode"/>.</summary>
public static class ParseCodes
{
    /// <summary>Name in files and reports.</summary>
    public static string NameOf(ParseCode code) => code switch
    {
        ParseCode.Ok => "ok",
        ParseCode.NoMarker => "no_marker",
        ParseCode.Ambiguous => "ambiguous",
        ParseCode.NotInLabelSet => "not_in_label_set",
        ParseCode.NotEvaluable => "not_evaluable",
        ParseCode.EmptyRationale => "empty_rationale",
        ParseCode.Truncated => "truncated",
        ParseCode.Loop => "loop",
        ParseCode.Refusal => "refusal",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "unknown parse code."),
    };

    /// <summary>Status of a row whose answers all ended like this.</summary>
    public static RationaleStatus StatusOf(ParseCode code) => code switch
    {
        ParseCode.Ok => RationaleStatus.Ok,
        ParseCode.EmptyRationale or ParseCode.Loop => RationaleStatus.Filtered,
        ParseCode.Truncated => RationaleStatus.Truncated,
        ParseCode.Refusal => RationaleStatus.Refused,
        _ => RationaleStatus.ParseFailed,
    };
}
