using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="RowScatter"/>.</summary>
public static class RowScatterReference
{
    /// <summary>y[target[row]] = x[row]; other rows of y stay.</summary>
    public static void Forward<T>(T[] x, int[] target, T[] y, int width) where T : INumberBase<T>
    {
        for (int row = 0; row < target.Length; row++)
            for (int column = 0; column < width; column++)
                y[target[row] * width + column] = x[row * width + column];
    }

    /// <summary>dx[row] = dy[target[row]].</summary>
    public static T[] Backward<T>(T[] dy, int[] target, int width) where T : INumberBase<T>
    {
        var dx = new T[target.Length * width];
        for (int row = 0; row < target.Length; row++)
            for (int column = 0; column < width; column++)
                dx[row * width + column] = dy[target[row] * width + column];
        return dx;
    }
}
