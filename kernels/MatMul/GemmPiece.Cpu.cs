namespace DistillEngine.Kernels;

/// <summary>Steps start … start + depth − 1 of a depth block: what is packed behind one tile.</summary>
readonly record struct GemmPiece(int Start, int Depth)
{
    // Two cache lines of a contiguous line, and a multiple of the steps that any packing routine takes at once.
    const int Grain = 32;

    // Steps of contiguous lines that are worth a beginning: sixteen cache lines each. What waits in the second cache to be packed stays small.
    const int LineSteps = 256;

    /// <summary>
    /// What is asked for and packed at one of several tiles. Of contiguous steps each tile takes some: their cache lines often lie a power of two apart, so
    /// that the second cache holds few. Contiguous lines are packed in fewer pieces, each behind the last of its tiles and asked for from the
    /// first one on.
    /// </summary>
    /// <param name="depth">Steps of the block.</param>
    public static GemmTurn At(in GemmOperand source, int depth, int tile, int tiles)
    {
        if (!source.LinesAreContiguous) return new(Part(depth, tile, tiles), IsAskedNow: true, TilesLeft: 1);
        int pieces = Math.Clamp(depth / LineSteps, 1, tiles), piece = tile * pieces / tiles;
        int first = FirstTile(piece, pieces, tiles), end = FirstTile(piece + 1, pieces, tiles);
        return new(Part(depth, piece, pieces), IsAskedNow: tile == first, TilesLeft: end - tile);
    }

    static int FirstTile(int piece, int pieces, int tiles) => (piece * tiles + pieces - 1) / pieces;

    static GemmPiece Part(int depth, int part, int parts)
    {
        var (start, end) = Split.Range(depth, Grain, part, parts);
        return new((int)start, (int)(end - start));
    }
}

/// <summary>The part of a tile in packing what is needed next.</summary>
/// <param name="Piece">What the tile, alone or with some after it, asks for, and what is packed behind the last of them.</param>
/// <param name="IsAskedNow">Whether it is the first of them.</param>
/// <param name="TilesLeft">How many of them are left, the tile included; none where there is nothing to pack.</param>
readonly record struct GemmTurn(GemmPiece Piece, bool IsAskedNow, int TilesLeft)
{
    public bool Packs => TilesLeft == 1 && Piece.Depth > 0;
}
