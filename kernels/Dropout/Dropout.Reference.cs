using System.Numerics;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="Dropout"/>.</summary>
public static class DropoutReference
{
    /// <summary>The definition of a mask element: 0, or the scale of what is kept.</summary>
    public static float Factor(DropoutSite site, uint rowKey, uint column) =>
        site.IsActive && CounterRng.Draw(site.Key ^ rowKey, column) < site.Threshold ? 0 : site.KeepScale;

    /// <summary>y = x · mask; the gradient is the same product with dy.</summary>
    public static T[] Forward<T>(T[] x, int[] rowKeys, DropoutSite site) where T : INumberBase<T>
    {
        var y = new T[x.Length];
        int width = rowKeys.Length == 0 ? 0 : x.Length / rowKeys.Length;
        for (int row = 0; row < rowKeys.Length; row++)
            for (int column = 0; column < width; column++)
                y[row * width + column] = x[row * width + column] * OracleMath.Number<T>(Factor(site, (uint)rowKeys[row], (uint)column));
        return y;
    }
}
