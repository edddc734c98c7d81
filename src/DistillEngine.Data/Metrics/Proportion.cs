namespace DistillEngine.Data.Metrics;

/// <summary>A share of rows and how far chance alone may have moved it.</summary>
/// <param name="Value">Successes over rows, 0 to 1.</param>
/// <param name="Low">Lower bound of the 95 % interval.</param>
/// <param name="High">Upper bound of the 95 % interval.</param>
public readonly record struct Proportion(double Value, double Low, double High)
{
    /// <summary>97.5 % point of the normal distribution.</summary>
    const double Z = 1.959963984540054;

    /// <summary>The 95 % interval of Wilson (1927), which stays within 0 … 1 and is honest for few rows and for shares near 0 or
    /// 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No rows, or more successes than rows.</exception>
    public static Proportion Wilson(long successes, long rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, rows);
        double share = (double)successes / rows;
        double z2 = Z * Z / rows;
        double centre = (share + z2 / 2) / (1 + z2);
        double half = Z / (1 + z2) * Math.Sqrt(share * (1 - share) / rows + z2 / (4 * rows));
        return new(share, Math.Max(0, centre - half), Math.Min(1, centre + half));
    }
}
