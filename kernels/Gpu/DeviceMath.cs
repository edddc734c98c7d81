using System.Runtime.CompilerServices;
using ILGPU;

namespace DistillEngine.Kernels;

/// <summary>
/// Functions of device code that must be as exact as the CPU's: CUDA's fast exponential loses a digit for arguments of ±20, its hyperbolic
/// tangent has 11 bits, and OpenCL leaves both to the vendor. These are the same arithmetic on every device.
/// </summary>
static class DeviceMath
{
    // ln 2 in two parts, the first short enough that n · Ln2High is exact.
    const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    /// <summary>The greater of two; NaN where either is, unlike the devices' own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float a, float b) => a > b || IsNaN(a) ? a : b;

    /// <summary>eˣ within about one unit in the last place of normal results; ∞, 0 and NaN as eˣ has them.</summary>
    /// <remarks>x = n ln 2 + r with |r| ≤ ½ ln 2, eʳ by a polynomial of degree 7. Source: S. Moshier, Cephes Mathematical Library,
    /// expf.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x)
    {
        // Beyond these eˣ is ∞ or 0; comparisons that fail for NaN let it through.
        x = x > 89f ? 89f : x;
        x = x < -104f ? -104f : x;
        // Adding 1.5 · 2²³ leaves no fraction bits: the sum rounds to an integer.
        float n = x * 1.44269504f + 12582912f - 12582912f;
        float r = x - n * Ln2High - n * Ln2Low;
        float p = 1.9875691500e-4f * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        p = p * (r * r) + r + 1f;
        // 2ⁿ lies outside float32 at both ends, its two halves never.
        int whole = IsNaN(x) ? 0 : (int)n;
        int half = whole >> 1;
        return p * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    /// <summary>eˣ for x of at most 0 within one unit in the last place of float64.</summary>
    /// <remarks>x = n ln 2 + r, eʳ by its series to r¹³/13!, below 2⁻⁵³ of it. Source of the split of ln 2: fdlibm e_exp.c.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Exp(double x)
    {
        // Below this the result is no normal number, and the sums it scales do not see it.
        if (x < -700) return 0;
        double n = x * 1.44269504088896338700e+00 + 6755399441055744.0 - 6755399441055744.0;
        double r = x - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10;
        double p = 1;
        for (int k = 13; k > 0; k--) p = 1 + p * r / k;
        int whole = IsNaN(x) ? 0 : (int)n;
        return p * Interop.IntAsFloat((ulong)(whole + 1023) << 52);
    }

    /// <summary>Natural logarithm of a positive normal number, within one unit in the last place of float64.</summary>
    /// <remarks>Source: fdlibm e_log.c (Sun Microsystems).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Log(double x)
    {
        ulong bits = Interop.FloatAsInt(x);
        int exponent = (int)(bits >> 52) - 1023;
        // A mantissa of [√½, √2).
        double mantissa = Interop.IntAsFloat((bits & 0x000fffffffffffffUL) | 0x3ff0000000000000UL);
        if (mantissa > 1.4142135623730951)
        {
            mantissa *= 0.5;
            exponent++;
        }
        double f = mantissa - 1, s = f / (2 + f), z = s * s;
        double r = z * (6.666666666666735130e-01 + z * (3.999999999940941908e-01 + z * (2.857142874366239149e-01
            + z * (2.222219843214978396e-01 + z * (1.818357216161805012e-01 + z * (1.531383769920937332e-01
            + z * 1.479819860511658591e-01))))));
        double half = 0.5 * f * f, k = exponent;
        double log = k * 6.93147180369123816490e-01 - (half - (s * (half + r) + k * 1.90821492927058770002e-10) - f);
        return x < double.PositiveInfinity ? log : x;
    }

    /// <summary>The nearest bfloat16, ties to even; what is no number stays none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float RoundToBf16(float x)
    {
        uint bits = Interop.FloatAsInt(x);
        // Rounding could carry the payload of what is no number into infinity or the sign.
        uint rounded = IsNaN(x) ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
        return Interop.IntAsFloat(rounded & 0xffff0000u);
    }

#pragma warning disable CS1718 // The runtime's own tests use a bit cast that ILGPU does not know.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNaN(float x) => x != x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IsNaN(double x) => x != x;
#pragma warning restore CS1718

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float PowerOfTwo(int n) => Interop.IntAsFloat((uint)(n + 127) << 23);
}
