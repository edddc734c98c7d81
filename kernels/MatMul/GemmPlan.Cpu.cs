namespace DistillEngine.Kernels;

/// <summary>What is asked for along some tiles and packed behind them, piece by piece. The default plans nothing.</summary>
unsafe struct GemmPlan
{
    readonly GemmLines _lines;
    readonly int _firstTile, _tiles, _pieces;
    int _piece, _begin, _end;

    /// <param name="lines">Those of the default plan nothing.</param>
    /// <param name="firstTile">Number of the first tile.</param>
    /// <param name="tiles">At least 1.</param>
    public GemmPlan(in GemmLines lines, int firstTile, int tiles)
    {
        (_lines, _firstTile, _tiles, _pieces) = (lines, firstTile, tiles, lines.Pieces(tiles));
        Turn();
    }

    /// <summary>Tiles until the piece is packed, this one included; none or fewer where nothing is left to pack.</summary>
    public readonly int TilesLeft(int tile) => _end - tile;

    /// <summary>Whether a tile is the first one along which a piece is asked for.</summary>
    public readonly bool BeginsAt(int tile) => tile == _begin && tile < _end;

    /// <summary>Whether a piece is packed behind a tile.</summary>
    public readonly bool EndsAt(int tile) => tile == _end - 1;

    /// <summary>Tells what the piece's tiles are to ask for.</summary>
    public readonly void Ask(GemmPrefetch* ahead) => *ahead = _lines.Ahead(Piece);

    /// <summary>Packs the piece, and turns to the next one.</summary>
    public void Pack()
    {
        _lines.Pack(Piece);
        _piece++;
        Turn();
    }

    readonly GemmPiece Piece => GemmPiece.At(_lines.Whole.Depth, _piece, _pieces);

    void Turn() => (_begin, _end) = _piece < _pieces ? (FirstTile(_piece), FirstTile(_piece + 1)) : (0, 0);

    readonly int FirstTile(int piece) => _firstTile + (piece * _tiles + _pieces - 1) / _pieces;
}
