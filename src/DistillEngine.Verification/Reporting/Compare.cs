namespace DistillEngine.Verification;

/// <summary>Distances between the engine's values and recorded ones, summed in double.</summary>
static class Compare
{
    // A truth of 0 allows 0 only.
    const double Tiny = 1e-300;

    public static double Relative(double got, double truth) => got == truth ? 0 : Math.Abs(got - truth) / Math.Max(Math.Abs(truth), Tiny);

    /// <summary>Largest magnitude.</summary>
    public static double Largest(ReadOnlySpan<float> values)
    {
        float largest = 0;
        foreach (float value in values) largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }

    /// <summary>Largest |got − truth| and where it is; NaN where a value is no number.</summary>
    public static double LargestDifference(ReadOnlySpan<float> got, ReadOnlySpan<float> truth, out int at)
    {
        double largest = 0;
        at = 0;
        for (int i = 0; i < truth.Length; i++)
        {
            double difference = Math.Abs((double)got[i] - truth[i]);
            if (difference <= largest) continue;
            (largest, at) = (difference, i);
            if (double.IsNaN(difference)) break;
        }
        return largest;
    }

    public static double Norm(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values) sum += (double)value * value;
        return Math.Sqrt(sum);
    }

    public static double NormOfDifference(ReadOnlySpan<float> got, ReadOnlySpan<float> truth)
    {
        double sum = 0;
        for (int i = 0; i < truth.Length; i++)
        {
            double difference = (double)got[i] - truth[i];
            sum += difference * difference;
        }
        return Math.Sqrt(sum);
    }

    /// <summary>An error as a share of a whole; 0 of 0 is 0.</summary>
    public static double Share(double error, double whole) => error == 0 ? 0 : error / Math.Max(whole, Tiny);
}
