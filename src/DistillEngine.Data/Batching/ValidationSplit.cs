namespace DistillEngine.Data.Batching;

/// <summary>Holds rows out for validation, chosen by a seed; both parts stay in file order.</summary>
public static class ValidationSplit
{
    const ulong Stream = 0x5641_4C49_4400;

    /// <param name="count">Rows to hold out, 0 to below the number of rows.</param>
    public static (List<T> Train, List<T> Valid) Of<T>(IReadOnlyList<T> rows, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > 0 && count >= rows.Count)
            throw new ArgumentOutOfRangeException(nameof(count), count, $"Of {rows.Count} rows at most {rows.Count - 1} can be held out.");
        int[] order = new int[rows.Count];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        CounterRandom.Shuffle(order, seed, Stream);
        bool[] isHeldOut = new bool[rows.Count];
        foreach (int row in order.AsSpan(0, count)) isHeldOut[row] = true;
        List<T> train = new(rows.Count - count), valid = new(count);
        for (int i = 0; i < rows.Count; i++) (isHeldOut[i] ? valid : train).Add(rows[i]);
        return (train, valid);
    }

    /// <summary>As <see cref="Of{T}(IReadOnlyList{T}, int, ulong)"/>, by share, rounded up to whole rows.</summary>
    /// <param name="fraction">0 to below 1.</param>
    public static (List<T> Train, List<T> Valid) Of<T>(IReadOnlyList<T> rows, double fraction, ulong seed)
    {
        if (!(fraction is >= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(fraction), fraction, "The share held out lies from 0 to below 1.");
        return Of(rows, (int)Math.Ceiling(fraction * rows.Count), seed);
    }
}
