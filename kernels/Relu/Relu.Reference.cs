using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="Relu"/>; exact, so float32 must equal it.</summary>
public static class ReluReference
{
    public static T[] Forward<T>(T[] x) where T : INumberBase<T>
    {
        var y = new T[x.Length];
        for (int i = 0; i < x.Length; i++) y[i] = OracleMath.Real(x[i]) > 0 ? x[i] : T.Zero;
        return y;
    }

    public static double[] Backward(double[] dy, double[] y)
    {
        var dx = new double[y.Length];
        for (int i = 0; i < y.Length; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
        return dx;
    }
}
