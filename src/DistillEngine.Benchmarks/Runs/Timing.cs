namespace DistillEngine.Benchmarks;

/// <summary>Milliseconds of some runs of the same work.</summary>
public readonly record struct Timing(double Median, double Min, double Max)
{
    /// <param name="milliseconds">At least one.</param>
    public static Timing Of(IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        int middle = sorted.Length / 2;
        return new(sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2, sorted[0], sorted[^1]);
    }
}
