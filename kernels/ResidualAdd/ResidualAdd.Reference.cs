using System.Numerics;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="ResidualAdd"/>; its backward is the mask of <see cref="DropoutReference"/>.</summary>
public static class ResidualAddReference
{
    /// <summary>y = x + mask · branch.</summary>
    public static T[] Forward<T>(T[] x, T[] branch, int[] rowKeys, DropoutSite site) where T : INumberBase<T>
    {
        T[] y = DropoutReference.Forward(branch, rowKeys, site);
        for (int i = 0; i < y.Length; i++) y[i] += x[i];
        return y;
    }

    /// <summary>dBranch = mask · dy.</summary>
    public static T[] Backward<T>(T[] dy, int[] rowKeys, DropoutSite site) where T : INumberBase<T> =>
        DropoutReference.Forward(dy, rowKeys, site);
}
