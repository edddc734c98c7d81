namespace DistillEngine.Kernels;

/// <summary>Steps start … start + depth − 1 of a depth block: what is packed behind one tile.</summary>
readonly record struct GemmPiece(int Start, int Depth)
{
    // Two cache lines of a contiguous line, and a multiple of the steps that any packing routine takes at once.
    const int Grain = 32;

    // Steps of contiguous lines that are worth a beginning: sixteen cache lines each. What waits in the second cache to be packed stays small.
    const int LineSteps = 256;

    /// <summary>Pieces of a block that are packed behind so many tiles. Of contiguous steps each tile takes some: their cache lines often lie a
    /// power of two apart, so that the second cache holds few. Contiguous lines are packed in fewer pieces, each behind the last of several tiles.</summary>
    /// <param name="depth">Steps of the block.</param>
    public static int Count(bool linesAreContiguous, int depth, int tiles) =>
        linesAreContiguous ? Math.Clamp(depth / LineSteps, 1, tiles) : Math.Min((depth + Grain - 1) / Grain, tiles);

    /// <summary>One of the pieces.</summary>
    public static GemmPiece At(int depth, int piece, int pieces)
    {
        var (start, end) = Split.Range(depth, Grain, piece, pieces);
        return new((int)start, (int)(end - start));
    }
}
