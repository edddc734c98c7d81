using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>
/// The one table of tolerances. A bound is c · ε · magnitude, where the oracle computes the magnitude beside each value in double: for a
/// sum of products Σ|a||b|, else the size of the terms that cancel. Constants c count roundings; none is fitted to a result.
/// </summary>
static class Tolerance
{
    /// <summary>Unit roundoff of float32, 2⁻²⁴.</summary>
    public const double Epsilon = 5.9604644775390625e-8;

    /// <summary>A product of two factors, each rounded to the 8 significant bits of bfloat16: by 2⁻⁸ of itself at most, so (1 + 2⁻⁸)² − 1.</summary>
    public const double Bf16Product = 0.0078277587890625;

    /// <summary>The same with the 11 significant bits of tf32.</summary>
    public const double Tf32Product = 0.0009768009185791015625;

    /// <summary>
    /// A sum of n products by tensor cores, which add 4 (tf32) or 8 (bf16) of them and the old sum at a time: each addend is cut off two bits
    /// behind the greatest's last, and the result to float32, always towards zero, so that errors add up.
    /// </summary>
    /// <remarks>Source: M. Fasi et al., "Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science 7 (2021), sections 3 and 4.</remarks>
    public static double TruncatedSum(int terms) => 2 + terms;

    /// <summary>A float32 sum of n products: errors grow as √n for the blocked sums used, at most n.</summary>
    public static double Sum(int terms) => 2 + Math.Sqrt(terms);

    /// <summary>One to three roundings and no function call.</summary>
    public const double Elementwise = 4;

    /// <summary>An exponential or hyperbolic tangent of a moderate argument inside.</summary>
    public const double Transcendental = 16;

    /// <summary>Compares a result element by element and reports the worst one.</summary>
    /// <param name="expected">From the oracle, in double.</param>
    /// <param name="bounds">Greatest absolute error allowed per element.</param>
    public static void AssertWithin(ReadOnlySpan<float> got, ReadOnlySpan<double> expected, ReadOnlySpan<double> bounds, string what)
    {
        Assert.Equal(expected.Length, got.Length);
        int worst = -1;
        double worstRatio = 1;
        for (int i = 0; i < got.Length; i++)
        {
            double error = Math.Abs(got[i] - expected[i]);
            // The least normal float32 stands in for a zero bound: exact zeros may be reached through denormals.
            double ratio = error / Math.Max(bounds[i], 1.2e-38);
            if (!(ratio <= worstRatio)) (worst, worstRatio) = (i, ratio);
        }
        if (worst >= 0)
            Assert.Fail($"{what}: element {worst} is {got[worst]:G9}, expected {expected[worst]:G17} ± {bounds[worst]:G3} ({worstRatio:G3} times the bound).");
    }
}
