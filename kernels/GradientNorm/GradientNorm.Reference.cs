namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="GradientNorm"/>.</summary>
public static class GradientNormReference
{
    /// <summary>√(Σ g²), scaled by the largest magnitude and summed with Neumaier's compensation, so that neither size nor length costs
    /// accuracy.</summary>
    /// <remarks>Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54, 1974.</remarks>
    public static double Forward(ReadOnlySpan<float> gradients)
    {
        double largest = 0;
        foreach (float gradient in gradients) largest = Math.Max(largest, Math.Abs((double)gradient));
        if (largest == 0 || !double.IsFinite(largest)) return largest;
        double sum = 0, compensation = 0;
        foreach (float gradient in gradients)
        {
            double square = gradient / largest * (gradient / largest), next = sum + square;
            compensation += sum >= square ? sum - next + square : square - next + sum;
            sum = next;
        }
        return largest * Math.Sqrt(sum + compensation);
    }
}
