namespace DistillEngine.Core;

/// <summary>Which of the two tasks a sequence trains.</summary>
public enum TaskKind : byte
{
    /// <summary><c>predict: x</c> → label.</summary>
    Label,

    /// <summary><c>explain: x</c> → rationale.</summary>
    Rationale,
}

/// <summary>
/// Sequences packed without padding: sequence s owns source rows SourceStarts[s] … SourceStarts[s+1] − 1 and target rows
/// TargetStarts[s] … TargetStarts[s+1] − 1. The arrays are allocated once, at their limits, and reused.
/// </summary>
public sealed class Batch
{
    /// <summary>Label of a target position that the loss does not count, as in the reference implementation.</summary>
    public const int IgnoredLabel = -100;

    public Batch(BatchLimits limits)
    {
        Limits = limits;
        SourceIds = new int[limits.MaxSourceTokens];
        SourceStarts = new int[limits.MaxSequences + 1];
        TargetInputIds = new int[limits.MaxTargetTokens];
        Labels = new int[limits.MaxTargetTokens];
        TargetStarts = new int[limits.MaxSequences + 1];
        SequenceIds = new int[limits.MaxSequences];
        Tasks = new TaskKind[limits.MaxSequences];
        Weights = new float[limits.MaxSequences];
    }

    public BatchLimits Limits { get; }

    public int SequenceCount { get; private set; }

    /// <summary>Packed source ids, <c>&lt;/s&gt;</c> included; the first <see cref="SourceTokenCount"/> entries count.</summary>
    public int[] SourceIds { get; }

    public int[] SourceStarts { get; }

    /// <summary>Decoder inputs: the labels shifted right behind the start id.</summary>
    public int[] TargetInputIds { get; }

    /// <summary>Ids to predict, <c>&lt;/s&gt;</c> included, or <see cref="IgnoredLabel"/>.</summary>
    public int[] Labels { get; }

    public int[] TargetStarts { get; }

    /// <summary>Number of each sequence within its whole step, micro-batches included: the key of its dropout masks.</summary>
    public int[] SequenceIds { get; }

    public TaskKind[] Tasks { get; }

    /// <summary>Weight of each sequence's tokens, above 0: a row of weight 2 counts as if it stood twice.</summary>
    public float[] Weights { get; }

    public int SourceTokenCount => SourceStarts[SequenceCount];

    public int TargetTokenCount => TargetStarts[SequenceCount];

    public void Clear() => SequenceCount = 0;

    /// <summary>Whether a sequence of these lengths still fits.</summary>
    public bool Fits(int sourceLength, int targetLength) =>
        SequenceCount < Limits.MaxSequences
        && sourceLength <= Limits.MaxSourceLength && SourceTokenCount + sourceLength <= Limits.MaxSourceTokens
        && targetLength <= Limits.MaxTargetLength && TargetTokenCount + targetLength <= Limits.MaxTargetTokens;

    /// <summary>Appends one sequence.</summary>
    /// <param name="source">Source ids with the closing <c>&lt;/s&gt;</c>, at least one.</param>
    /// <param name="labels">Target ids with the closing <c>&lt;/s&gt;</c>; may hold <see cref="IgnoredLabel"/>. Empty when only the source matters.</param>
    /// <param name="startId">Decoder start id (pad in T5).</param>
    /// <exception cref="ArgumentException">The sequence does not fit, or its source is empty.</exception>
    public void Add(ReadOnlySpan<int> source, ReadOnlySpan<int> labels, TaskKind task, float weight, int sequenceId, int startId = 0)
    {
        if (source.IsEmpty) throw new ArgumentException("A source needs at least one token.", nameof(source));
        if (!Fits(source.Length, labels.Length))
            throw new ArgumentException($"A sequence of {source.Length} source and {labels.Length} target tokens exceeds {Limits} at sequence "
                + $"{SequenceCount}.");
        int s = SequenceCount;
        source.CopyTo(SourceIds.AsSpan(SourceStarts[s]));
        SourceStarts[s + 1] = SourceStarts[s] + source.Length;
        int target = TargetStarts[s];
        labels.CopyTo(Labels.AsSpan(target));
        for (int t = 0; t < labels.Length; t++)
        {
            int previous = t == 0 ? startId : labels[t - 1];
            // The reference feeds the start (pad) id where the previous label is not counted.
            TargetInputIds[target + t] = previous == IgnoredLabel ? startId : previous;
        }
        TargetStarts[s + 1] = target + labels.Length;
        (Tasks[s], Weights[s], SequenceIds[s]) = (task, weight, sequenceId);
        SequenceCount = s + 1;
    }
}
