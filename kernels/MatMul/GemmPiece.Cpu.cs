namespace DistillEngine.Kernels;

/// <summary>Steps start … start + depth − 1 of a depth block: what is packed behind one tile.</summary>
readonly record struct GemmPiece(int Start, int Depth)
{
    // Two cache lines of a contiguous line, and a multiple of the steps that any packing routine takes at once.
    const int Grain = 32;

    /// <summary>
    /// What is packed behind one of several tiles. Contiguous lines are packed as a whole behind the last one, and asked for from the first one
    /// on. Of contiguous steps each tile takes some: their cache lines often lie a power of two apart, so that the second cache holds few.
    /// </summary>
    /// <param name="depth">Steps of the block.</param>
    /// <param name="asked">What is asked for while the tile is multiplied; nothing where what was asked for before goes on.</param>
    public static GemmPiece Of(in GemmOperand source, int depth, int tile, int tiles, out GemmPiece asked)
    {
        if (source.LinesAreContiguous)
        {
            asked = new(0, tile == 0 ? depth : 0);
            return new(0, tile == tiles - 1 ? depth : 0);
        }
        var (start, end) = Split.Range(depth, Grain, tile, tiles);
        return asked = new((int)start, (int)(end - start));
    }
}
