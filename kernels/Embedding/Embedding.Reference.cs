using System.Numerics;

namespace DistillEngine.Kernels;

/// <summary>The oracle of <see cref="Embedding"/>.</summary>
public static class EmbeddingReference
{
    /// <summary>y[row] = table[ids[row]].</summary>
    public static T[] Forward<T>(int[] ids, T[] table, int width) where T : INumberBase<T>
    {
        var y = new T[ids.Length * width];
        for (int row = 0; row < ids.Length; row++)
            for (int column = 0; column < width; column++)
                y[row * width + column] = table[ids[row] * width + column];
        return y;
    }

    /// <summary>dTable[ids[row]] += dy[row]. On absolute values it gives the magnitudes of the sums' tolerances.</summary>
    public static void Backward<T>(T[] dy, int[] ids, T[] dTable, int width) where T : INumberBase<T>
    {
        for (int row = 0; row < ids.Length; row++)
            for (int column = 0; column < width; column++)
                dTable[ids[row] * width + column] += dy[row * width + column];
    }
}
