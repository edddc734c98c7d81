using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>c[rows, columns] = or += a[rows, depth] b[depth, columns].</summary>
/// <param name="A">Its lines are the rows of the result.</param>
/// <param name="B">Its lines are the columns of the result.</param>
/// <param name="Depth">Length of the contracted axis; 0 gives zeros.</param>
/// <param name="C">A float pointer, rows <paramref name="Stride"/> elements apart.</param>
readonly record struct GemmProduct(GemmOperand A, GemmOperand B, int Rows, int Columns, int Depth, Into Into, nint C, long Stride)
{
    /// <summary>Whether the result is read again only when much else has passed through the caches: where it is large, and overwritten in one
    /// piece, it is written past them, which spares reading it first, and leaves them to the factors.</summary>
    public bool IsReadLate { get; init; }

    /// <summary>Multiply-adds.</summary>
    public long Work => (long)Rows * Columns * Depth;
}
