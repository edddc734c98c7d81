using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>What the oracle of <see cref="Attention"/> takes: the contract's tensors as arrays, and dropout as explicit factors.</summary>
/// <param name="Q">[queryRows, heads · headWidth].</param>
/// <param name="K">[keyRows, heads · headWidth].</param>
/// <param name="V">[keyRows, heads · headWidth].</param>
/// <param name="Table">[buckets, heads], or null without bias.</param>
/// <param name="BucketOfDistance">[2R + 1], or null without bias.</param>
/// <param name="Keep">[queryRows, heads, keepStride]: factor of each weight, by key position; null without dropout.</param>
/// <param name="KeepStride">At least the greatest key count.</param>
public sealed record AttentionInputs<T>(T[] Q, T[] K, T[] V, AttentionSpan[] Spans, int Heads, int HeadWidth, Masking Masking,
    T[]? Table = null, int[]? BucketOfDistance = null, double[]? Keep = null, int KeepStride = 0) where T : INumberBase<T>
{
    /// <summary>Elements of a row.</summary>
    public int Width => Heads * HeadWidth;

    /// <summary>How many keys, from the first, a query of a span sees.</summary>
    public int VisibleKeys(AttentionSpan span, int query) =>
        Masking == Masking.Causal ? Math.Min(span.KeyCount, span.QueryPosition + query + 1) : span.KeyCount;

    /// <summary>Index into <see cref="Table"/> of the bias between a query and a key of a span.</summary>
    public int TableIndex(AttentionSpan span, int head, int query, int key)
    {
        int reach = (BucketOfDistance!.Length - 1) / 2;
        int distance = Math.Clamp(key - (span.QueryPosition + query), -reach, reach);
        return BucketOfDistance[distance + reach] * Heads + head;
    }

    /// <summary>Dropout factor of one weight.</summary>
    public T KeepFactor(AttentionSpan span, int head, int query, int key) =>
        OracleMath.Number<T>(Keep is null ? 1 : Keep[((span.QueryStart + query) * Heads + head) * KeepStride + key]);
}
