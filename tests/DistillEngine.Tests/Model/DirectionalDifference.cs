namespace DistillEngine.Tests.Model;

/// <summary>The slope of a float32 loss along a line, from central differences.</summary>
static class DirectionalDifference
{
    /// <summary>Where the loss is smooth: rounding and truncation are then about as large.</summary>
    public const double SmoothStep = 4e-3;

    /// <summary>Where a ReLU may change sides within the step.</summary>
    public const double KinkedStep = 1e-3;

    /// <summary>Roundings of a forward pass that reach the loss, in float32 epsilons of its terms: about the number of ops one behind the other.</summary>
    const double Roundings = 16;

    const double Float32Epsilon = 1.0 / (1 << 24);

    /// <param name="loss">Loss at a distance along the line, and the sum of its terms' magnitudes.</param>
    /// <returns>The slope at 0 and how far it may be off: what the two step widths disagree in, which bounds the truncated terms and kinks, and
    /// what rounding of the loss makes of a difference.</returns>
    public static (double Slope, double Allowed) Measure(double step, Func<double, (double Loss, double Magnitude)> loss)
    {
        double wide = Central(loss, step, out _), narrow = Central(loss, step / 2, out double magnitude);
        double rounding = Roundings * Float32Epsilon * magnitude / step;
        return ((4 * narrow - wide) / 3, Math.Abs(wide - narrow) + 3 * rounding);
    }

    static double Central(Func<double, (double Loss, double Magnitude)> loss, double step, out double magnitude)
    {
        var (right, left) = (loss(step), loss(-step));
        magnitude = right.Magnitude;
        return (right.Loss - left.Loss) / (2 * step);
    }
}
