using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>
/// Functions that the oracles need beyond arithmetic, for double and <see cref="Complex"/>. The oracles run on Complex to give exact
/// gradients by the complex step: f(x + ih) = f(x) + ih f′(x) + O(h²), so f′(x) = Im f(x + ih) / h without cancellation.
/// Comparisons look at the real part alone, as a derivative along the real axis demands.
/// </summary>
/// <remarks>Source: W. Squire, G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998.</remarks>
public static class OracleMath
{
    public static T Number<T>(double value) where T : INumberBase<T> => T.CreateChecked(value);

    public static double Real<T>(T x) where T : INumberBase<T> => x switch
    {
        double d => d,
        Complex c => c.Real,
        _ => throw Unsupported<T>(),
    };

    public static T Exp<T>(T x) where T : INumberBase<T> => Apply(x, Math.Exp, Complex.Exp);

    public static T Log<T>(T x) where T : INumberBase<T> => Apply(x, Math.Log, Complex.Log);

    public static T Sqrt<T>(T x) where T : INumberBase<T> => Apply(x, Math.Sqrt, Complex.Sqrt);

    public static T Tanh<T>(T x) where T : INumberBase<T> => Apply(x, Math.Tanh, Complex.Tanh);

    static T Apply<T>(T x, Func<double, double> real, Func<Complex, Complex> complex) where T : INumberBase<T> => x switch
    {
        double d => (T)(object)real(d),
        Complex c => (T)(object)complex(c),
        _ => throw Unsupported<T>(),
    };

    static NotSupportedException Unsupported<T>() => new($"Oracles run on double and Complex, not on {typeof(T).Name}.");
}
