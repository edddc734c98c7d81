namespace DistillEngine.Kernels;

/// <summary>One sequence of a packed attention call; a spans tensor holds these as int32 [sequences, <see cref="Fields"/>].</summary>
/// <param name="QueryStart">First query row.</param>
/// <param name="QueryCount">Query rows, at least 1.</param>
/// <param name="KeyStart">First key and value row.</param>
/// <param name="KeyCount">Key rows, at least 1: the padding mask.</param>
/// <param name="QueryPosition">Position of the first query in its sequence: 0, or the number of tokens already decoded.</param>
/// <param name="Sequence">The sequence's number within the step; keys its dropout.</param>
public readonly record struct AttentionSpan(int QueryStart, int QueryCount, int KeyStart, int KeyCount, int QueryPosition, int Sequence)
{
    public const int Fields = 6;
}
