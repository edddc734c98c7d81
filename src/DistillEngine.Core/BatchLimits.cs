namespace DistillEngine.Core;

/// <summary>The largest batch a model is planned for; every buffer of a run follows from it.</summary>
/// <param name="MaxSequences">Source–target pairs; predict and explain rows count separately.</param>
/// <param name="MaxSourceTokens">Source tokens of all sequences together.</param>
/// <param name="MaxTargetTokens">Target tokens of all sequences together.</param>
/// <param name="MaxSourceLength">Tokens of the longest source.</param>
/// <param name="MaxTargetLength">Tokens of the longest target.</param>
public readonly record struct BatchLimits(int MaxSequences, int MaxSourceTokens, int MaxTargetTokens, int MaxSourceLength, int MaxTargetLength)
{
    /// <summary>Limits for <paramref name="sequences"/> sequences that may all have the greatest lengths.</summary>
    public static BatchLimits Full(int sequences, int sourceLength, int targetLength) =>
        new(sequences, checked(sequences * sourceLength), checked(sequences * targetLength), sourceLength, targetLength);

    /// <summary>Limits that hold whatever either of two does.</summary>
    public static BatchLimits Larger(BatchLimits a, BatchLimits b) => new(
        Math.Max(a.MaxSequences, b.MaxSequences), Math.Max(a.MaxSourceTokens, b.MaxSourceTokens), Math.Max(a.MaxTargetTokens, b.MaxTargetTokens),
        Math.Max(a.MaxSourceLength, b.MaxSourceLength), Math.Max(a.MaxTargetLength, b.MaxTargetLength));
}
