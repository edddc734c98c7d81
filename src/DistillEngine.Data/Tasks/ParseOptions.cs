namespace DistillEngine.Data.Tasks;

/// <summary>How a teacher's answer is taken apart (<c>parse</c>).</summary>
public sealed record ParseOptions
{
    /// <summary>The answer ends before the first of these.</summary>
    public IReadOnlyList<string> Cut { get; init; } = [];

    /// <summary>Whether a <c>&lt;think&gt;</c> block is removed (<c>strip</c>) or stays (<c>keep</c>).</summary>
    public bool StripThinking { get; init; } = true;

    /// <summary>Words that stand before the label, compared without case.</summary>
    public IReadOnlyList<string> Markers { get; init; } = ["so the answer is", "the answer is"];

    /// <summary>Whether the last marker counts (<c>last</c>) or the first (<c>first</c>).</summary>
    public bool TakeLast { get; init; } = true;

    /// <summary>Whether a choice's letter is believed before its text (<c>letter</c>) or after it (<c>text</c>).</summary>
    public bool PreferLetter { get; init; } = true;

    /// <summary>Whether an answer that names several choices is refused (<c>reject</c>) or its first one taken (<c>first</c>).</summary>
    public bool RejectAmbiguous { get; init; } = true;

    public int MinRationaleChars { get; init; } = 10;

    /// <summary>A rationale that repeats itself this often in a row is refused; 0 turns the check off.</summary>
    public int MaxRepeatNgram { get; init; } = 6;

    /// <summary>Share of failures, 0 to 1, above which a run stops.</summary>
    public double AbortIfFailedOver { get; init; } = 0.3;

    /// <summary>Rows after which that share is looked at.</summary>
    public int AbortAfter { get; init; } = 50;
}
