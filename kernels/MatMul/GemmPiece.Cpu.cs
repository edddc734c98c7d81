namespace DistillEngine.Kernels;

/// <summary>Steps start … start + depth − 1 of a depth block: what is packed behind one tile.</summary>
readonly record struct GemmPiece(int Start, int Depth)
{
    // Two cache lines of a contiguous line, and a multiple of the steps that any packing routine takes at once.
    const int Grain = 32;

    // Steps of contiguous lines that are worth a beginning: sixteen cache lines each. What waits in the second cache to be packed stays small.
    const int LineSteps = 256;

    /// <summary>
    /// What is packed behind one of several tiles. Of contiguous steps each tile takes some: their cache lines often lie a power of two apart, so
    /// that the second cache holds few. Contiguous lines are packed in fewer pieces, each behind the last of its tiles and asked for from the
    /// first one on.
    /// </summary>
    /// <param name="depth">Steps of the block.</param>
    /// <param name="asked">What is asked for while the tile is multiplied; nothing where what was asked for before goes on.</param>
    public static GemmPiece Of(in GemmOperand source, int depth, int tile, int tiles, out GemmPiece asked)
    {
        if (!source.LinesAreContiguous) return asked = Part(depth, tile, tiles);
        int pieces = Math.Clamp(depth / LineSteps, 1, tiles), piece = tile * pieces / tiles;
        GemmPiece part = Part(depth, piece, pieces);
        asked = tile == 0 || (tile - 1) * pieces / tiles < piece ? part : default;
        return tile == tiles - 1 || (tile + 1) * pieces / tiles > piece ? part : default;
    }

    static GemmPiece Part(int depth, int part, int parts)
    {
        var (start, end) = Split.Range(depth, Grain, part, parts);
        return new((int)start, (int)(end - start));
    }
}
