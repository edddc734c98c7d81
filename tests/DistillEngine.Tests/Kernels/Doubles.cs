using System.Numerics;
using DistillEngine.Core;

namespace DistillEngine.Tests.Kernels;

/// <summary>Host tensors as the oracles take them.</summary>
static class Doubles
{
    public static double[] Of(Tensor tensor)
    {
        ReadOnlySpan<float> source = tensor.HostSpan<float>();
        double[] result = new double[source.Length];
        for (int i = 0; i < result.Length; i++) result[i] = source[i];
        return result;
    }

    public static double[] Scale(double factor, double[] values) => [.. values.Select(v => factor * v)];

    /// <summary>Derivative of Σ weights · f(x) by the complex step in every element of x.</summary>
    public static double[] ComplexStep(Func<Complex[], Complex[]> f, double[] x, double[] weights)
    {
        const double Step = 1e-30;
        Complex[] point = [.. x.Select(v => new Complex(v, 0))];
        double[] gradient = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            point[i] = new Complex(x[i], Step);
            Complex[] y = f(point);
            for (int j = 0; j < y.Length; j++) gradient[i] += weights[j] * y[j].Imaginary / Step;
            point[i] = x[i];
        }
        return gradient;
    }

    public static Complex[] ToComplex(double[] x) => [.. x.Select(v => new Complex(v, 0))];
}
