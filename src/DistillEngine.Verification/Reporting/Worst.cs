namespace DistillEngine.Verification;

/// <summary>Of several errors the one that is largest beside what it is allowed to be.</summary>
sealed class Worst
{
    double _ratio = -1;

    /// <summary>What the error belongs to; null before the first.</summary>
    public string? Where { get; private set; }

    /// <summary>Infinite where a value is no number.</summary>
    public double Error { get; private set; }

    public double Allowed { get; private set; }

    public bool HasPassed => _ratio is >= 0 and <= 1;

    /// <param name="error">At least 0, or NaN.</param>
    /// <param name="allowed">At least 0.</param>
    public void See(string where, double error, double allowed)
    {
        if (double.IsNaN(error)) error = double.PositiveInfinity;
        // Nothing but equality is allowed where the tolerance is 0.
        double ratio = error == 0 ? 0 : error / allowed;
        if (ratio <= _ratio) return;
        (_ratio, Where, Error, Allowed) = (ratio, where, error, allowed);
    }

    /// <summary>Sees |got − truth| / |truth|.</summary>
    public void SeeRelative(string where, double got, double truth, double allowed) => See(where, Compare.Relative(got, truth), allowed);
}
