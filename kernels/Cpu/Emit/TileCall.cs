using System.Runtime.InteropServices;

namespace DistillEngine.Kernels;

/// <summary>The arguments of a tile: c[rows, columns] = or += a b. One structure, so that the code is the same under every calling
/// convention.</summary>
[StructLayout(LayoutKind.Explicit)]
unsafe struct TileCall
{
    public const int AtA = 0, AtB = 8, AtC = 16, AtStrideBytes = 24, AtWords = 32, AtStore = 40, AtIsMasked = 48, AtMask = 56, AtAhead = 88, AtIterations = 152;

    /// <summary>Packed words [words, rows].</summary>
    [FieldOffset(AtA)] public float* A;

    /// <summary>Packed words [words, whole vectors of columns].</summary>
    [FieldOffset(AtB)] public float* B;

    [FieldOffset(AtC)] public float* C;

    /// <summary>Bytes from a row of c to the next.</summary>
    [FieldOffset(AtStrideBytes)] public long StrideBytes;

    /// <summary>Words of the contracted axis, at least 1.</summary>
    [FieldOffset(AtWords)] public long Words;

    [FieldOffset(AtStore)] public TileStore Store;

    /// <summary>0 where the last vector of the columns is whole, else 1: then <see cref="Mask"/> tells which lanes exist.</summary>
    [FieldOffset(AtIsMasked)] public long IsMasked;

    /// <summary>AVX-512: one bit a lane in the first word. AVX2: a word a lane, negative where it exists.</summary>
    [FieldOffset(AtMask)] public fixed int Mask[8];

    /// <summary>What to ask for meanwhile; moves on by what was asked for.</summary>
    [FieldOffset(AtAhead)] public GemmPrefetch Ahead;

    /// <summary>The code's own.</summary>
    [FieldOffset(AtIterations)] public long Iterations;
}

/// <summary>What becomes of a tile's sums.</summary>
enum TileStore : long
{
    /// <summary>c is not read.</summary>
    Overwrite,

    /// <summary>To c.</summary>
    Add,

    /// <summary>As Overwrite, past the caches where rows of the tile are whole; c and its stride are multiples of a cache line. The caller fences.</summary>
    Stream,
}
