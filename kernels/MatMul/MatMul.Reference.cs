using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="MatMul"/>, row-major arrays.</summary>
public static class MatMulReference
{
    /// <summary>y = x Wᵀ with x [rows, inputs] and w [outputs, inputs].</summary>
    public static T[] Forward<T>(T[] x, T[] w, int rows, int inputs, int outputs) where T : INumberBase<T>
    {
        var y = new T[rows * outputs];
        for (int row = 0; row < rows; row++)
            for (int output = 0; output < outputs; output++)
            {
                T sum = T.Zero;
                for (int input = 0; input < inputs; input++) sum += x[row * inputs + input] * w[output * inputs + input];
                y[row * outputs + output] = sum;
            }
        return y;
    }

    /// <summary>dx = dy W with dy [rows, outputs].</summary>
    public static T[] BackwardInput<T>(T[] dy, T[] w, int rows, int inputs, int outputs) where T : INumberBase<T>
    {
        var dx = new T[rows * inputs];
        for (int row = 0; row < rows; row++)
            for (int output = 0; output < outputs; output++)
                for (int input = 0; input < inputs; input++)
                    dx[row * inputs + input] += dy[row * outputs + output] * w[output * inputs + input];
        return dx;
    }

    /// <summary>dW = dyᵀ x, what Backward adds to dWeight.</summary>
    public static T[] BackwardWeight<T>(T[] dy, T[] x, int rows, int inputs, int outputs) where T : INumberBase<T>
    {
        var dWeight = new T[outputs * inputs];
        for (int row = 0; row < rows; row++)
            for (int output = 0; output < outputs; output++)
                for (int input = 0; input < inputs; input++)
                    dWeight[output * inputs + input] += dy[row * outputs + output] * x[row * inputs + input];
        return dWeight;
    }

    /// <summary>Absolute values: any product of these is the magnitude Σ|a||b| of that product's sums.</summary>
    public static double[] Magnitudes(double[] values) => Array.ConvertAll(values, Math.Abs);
}
