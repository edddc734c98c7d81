using System.Runtime.CompilerServices;

namespace DistillEngine.Kernels;

/// <summary>
/// eˣ of float32 lanes in about twenty instructions, one algorithm for every width, so that tails have the bits of whole vectors. The
/// runtime's own vector exponential takes more time an element than its scalar one, since it widens to double.
/// </summary>
/// <remarks>
/// x = n ln 2 + r with |r| ≤ ½ ln 2, eʳ by a polynomial of degree 7, 2ⁿ by exponent bits. Source of the split of ln 2 and of the
/// coefficients: S. Moshier, Cephes Mathematical Library, expf.
/// </remarks>
static class Exponential
{
    // e^x rounds to infinity above the one and to zero below the other; between them 2ⁿ stays within two float32 factors.
    const float Greatest = 89, Least = -104;

    const float InverseLn2 = 1.44269504f;

    // Adding 1.5 · 2²³ leaves no fraction bits: the sum rounds to an integer.
    const float Rounder = 12582912;

    // ln 2 in two parts, the first short enough that n · Ln2High is exact.
    const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    /// <summary>Within 1.01 units in the last place of normal results; ∞, 0 and NaN as e^x has them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TVector>(TVector x) where TVector : struct, IVectorF32<TVector>
    {
        TVector greatest = TVector.Broadcast(Greatest), least = TVector.Broadcast(Least), rounder = TVector.Broadcast(Rounder);
        // x comes second, so that a NaN passes.
        x = TVector.MaxNative(least, TVector.MinNative(greatest, x));
        TVector n = TVector.MultiplyAdd(x, TVector.Broadcast(InverseLn2), rounder) - rounder;
        TVector r = TVector.MultiplyAdd(n, TVector.Broadcast(-Ln2High), x);
        r = TVector.MultiplyAdd(n, TVector.Broadcast(-Ln2Low), r);
        TVector p = TVector.MultiplyAdd(TVector.Broadcast(1.9875691500e-4f), r, TVector.Broadcast(1.3981999507e-3f));
        p = TVector.MultiplyAdd(p, r, TVector.Broadcast(8.3334519073e-3f));
        p = TVector.MultiplyAdd(p, r, TVector.Broadcast(4.1665795894e-2f));
        p = TVector.MultiplyAdd(p, r, TVector.Broadcast(1.6666665459e-1f));
        p = TVector.MultiplyAdd(p, r, TVector.Broadcast(5.0000001201e-1f));
        p = TVector.MultiplyAdd(p, r * r, r) + TVector.Broadcast(1);
        return TVector.TimesPowerOfTwo(p, n);
    }
}
