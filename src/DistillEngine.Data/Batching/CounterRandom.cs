namespace DistillEngine.Data.Batching;

/// <summary>Random numbers that are a function of (seed, stream, counter): no state to save, the same on every machine.</summary>
/// <remarks>The finalizer of SplitMix64 (Steele, Lea, Flood 2014) over the counter times the golden ratio, keyed by a mix of seed and
/// stream.</remarks>
public static class CounterRandom
{
    const ulong GoldenRatio = 0x9E3779B97F4A7C15;

    /// <summary>64 random bits.</summary>
    public static ulong Bits(ulong seed, ulong stream, ulong counter) =>
        Mix(Mix(Mix(seed + GoldenRatio) ^ (stream * GoldenRatio)) + (counter + 1) * GoldenRatio);

    /// <summary>A number from 0 to <paramref name="count"/> − 1; the bias is below count / 2⁶⁴.</summary>
    public static int Below(int count, ulong seed, ulong stream, ulong counter)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return (int)Math.BigMul(Bits(seed, stream, counter), (ulong)count, out _);
    }

    /// <summary>Shuffles in place (Fisher and Yates), without allocating.</summary>
    public static void Shuffle(Span<int> values, ulong seed, ulong stream)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = Below(i + 1, seed, stream, (ulong)i);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
