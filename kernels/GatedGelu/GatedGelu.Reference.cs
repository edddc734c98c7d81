using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="GatedGelu"/>, in the form with the hyperbolic tangent.</summary>
public static class GatedGeluReference
{
    // √(2/π) and the cubic coefficient of the tangent form.
    static readonly double Slope = Math.Sqrt(2 / Math.PI);
    const double Cubic = 0.044715;

    public static T[] Forward<T>(T[] gate, T[] up) where T : INumberBase<T>
    {
        var y = new T[gate.Length];
        for (int i = 0; i < gate.Length; i++) y[i] = Gelu(gate[i]) * up[i];
        return y;
    }

    /// <summary>Per element, the size of the terms: the exponential magnifies the rounding of its argument by the argument.</summary>
    public static double[] Magnitude(double[] gate, double[] up)
    {
        var magnitude = new double[gate.Length];
        for (int i = 0; i < gate.Length; i++) magnitude[i] = Math.Abs(up[i]) * Magnitude(gate[i], Gelu(gate[i]));
        return magnitude;
    }

    /// <summary>The exact gradients and their magnitudes.</summary>
    public static (double[] DGate, double[] DUp, double[] DGateMagnitude, double[] DUpMagnitude) Backward(double[] dy, double[] gate,
        double[] up)
    {
        int n = dy.Length;
        var (dGate, dUp, dGateMagnitude, dUpMagnitude) = (new double[n], new double[n], new double[n], new double[n]);
        for (int i = 0; i < n; i++)
        {
            var (value, own, chain) = Derivative(gate[i]);
            dGate[i] = dy[i] * up[i] * (own + chain);
            dGateMagnitude[i] = Math.Abs(dy[i] * up[i]) * (Magnitude(gate[i], own) + Magnitude(gate[i], chain));
            dUp[i] = dy[i] * value;
            dUpMagnitude[i] = Math.Abs(dy[i]) * Magnitude(gate[i], value);
        }
        return (dGate, dUp, dGateMagnitude, dUpMagnitude);
    }

    static T Gelu<T>(T x) where T : INumberBase<T>
    {
        T inner = OracleMath.Number<T>(Slope) * (x + OracleMath.Number<T>(Cubic) * x * x * x);
        // 1 + tanh(u) = 2 / (1 + e^(−2u)); in this form the far negative side does not cancel in the oracle either.
        return OracleMath.Real(inner) < 0
            ? x * OracleMath.Exp(inner + inner) / (T.One + OracleMath.Exp(inner + inner))
            : OracleMath.Number<T>(0.5) * x * (T.One + OracleMath.Tanh(inner));
    }

    /// <summary>gelu(x) and the two terms of gelu′(x): σ(z) and x σ(z) σ(−z) z′ with z = 2u.</summary>
    static (double Value, double Own, double Chain) Derivative(double x)
    {
        double z = 2 * Slope * (x + Cubic * x * x * x);
        double small = Math.Exp(-Math.Abs(z));
        double greater = 1 / (1 + small);
        double sigma = z > 0 ? greater : small * greater;
        double slope = 2 * Slope * (1 + 3 * Cubic * x * x);
        return (x * sigma, sigma, small == 0 ? 0 : x * small * greater * greater * slope);
    }

    // The last term is what float32's exponential drops when it reaches zero.
    static double Magnitude(double x, double term) =>
        (term == 0 ? 0 : Math.Abs(term) * (1 + 2 * Slope * Math.Abs(x + Cubic * x * x * x))) + 1e-28;
}
