using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="RmsNorm"/>: simple loops on double, or on <see cref="Complex"/> for gradients by the complex step.</summary>
public static class RmsNormReference
{
    public static (T[] Y, T[] InvRms) Forward<T>(T[] x, T[] weight, double epsilon, int rows) where T : INumberBase<T>
    {
        int width = weight.Length;
        var (y, invRms) = (new T[rows * width], new T[rows]);
        for (int row = 0; row < rows; row++)
        {
            T sum = T.Zero;
            for (int i = 0; i < width; i++) sum += x[row * width + i] * x[row * width + i];
            invRms[row] = T.One / OracleMath.Sqrt(sum / OracleMath.Number<T>(width) + OracleMath.Number<T>(epsilon));
            for (int i = 0; i < width; i++) y[row * width + i] = x[row * width + i] * invRms[row] * weight[i];
        }
        return (y, invRms);
    }

    /// <summary>The exact gradients, and per element the magnitude of the terms summed: the unit of the tolerances.</summary>
    public static (double[] Dx, double[] DWeight, double[] DxMagnitude, double[] DWeightMagnitude) Backward(double[] dy, double[] x,
        double[] weight, double epsilon, int rows)
    {
        int width = weight.Length;
        double[] invRms = Forward(x, weight, epsilon, rows).InvRms;
        var (dx, dxMagnitude) = (new double[rows * width], new double[rows * width]);
        var (dWeight, dWeightMagnitude) = (new double[width], new double[width]);
        for (int row = 0; row < rows; row++)
        {
            var (dot, absolute, inv) = (0d, 0d, invRms[row]);
            for (int i = 0; i < width; i++)
            {
                int at = row * width + i;
                dot += dy[at] * weight[i] * x[at];
                absolute += Math.Abs(dy[at] * weight[i] * x[at]);
                dWeight[i] += dy[at] * x[at] * inv;
                dWeightMagnitude[i] += Math.Abs(dy[at] * x[at] * inv);
            }
            for (int i = 0; i < width; i++)
            {
                int at = row * width + i;
                dx[at] = inv * dy[at] * weight[i] - x[at] * inv * inv * inv * dot / width;
                dxMagnitude[at] = Math.Abs(inv * dy[at] * weight[i]) + Math.Abs(x[at] * inv * inv * inv) * absolute / width;
            }
        }
        return (dx, dWeight, dxMagnitude, dWeightMagnitude);
    }
}
