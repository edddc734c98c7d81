namespace DistillEngine.Kernels;

/// <summary>Lines of a factor over a depth block, and the panels that take them: a group of row panels, or a column panel. The default holds none.</summary>
/// <param name="kernel">What packs them.</param>
/// <param name="source">The factor.</param>
/// <param name="isRows">Whether it is the left one.</param>
/// <param name="first">First line.</param>
/// <param name="count">At most a group of row panels, or the columns of a tile.</param>
/// <param name="start">First step of the block.</param>
/// <param name="depth">Steps of the block.</param>
/// <param name="panels">Where the first panel begins.</param>
/// <param name="rowWords">Words from where a panel of so many rows begins to the next, by those rows; at least the words of a packed row.</param>
readonly unsafe struct GemmLines(GemmKernel kernel, in GemmOperand source, bool isRows, long first, int count, int start, int depth, float* panels, int rowWords)
{
    readonly GemmKernel _kernel = kernel;
    readonly GemmOperand _source = source;
    readonly bool _isRows = isRows;
    readonly long _first = first;
    readonly int _count = count, _start = start, _depth = depth, _rowWords = rowWords;
    readonly float* _panels = panels;

    /// <summary>All steps.</summary>
    public GemmPiece Whole => new(0, _depth);

    /// <summary>Pieces that are packed behind so many tiles; none where there are no lines.</summary>
    public int Pieces(int tiles) => _count == 0 ? 0 : GemmPiece.Count(_source.LinesAreContiguous, _depth, tiles);

    /// <summary>What to ask for before a piece is packed.</summary>
    public GemmPrefetch Ahead(GemmPiece piece) => new(_source, _first, _count, _start + piece.Start, piece.Depth);

    public void Pack(GemmPiece piece)
    {
        if (_isRows) _kernel.PackRowPanels(_source, _first, _count, _start, piece, _panels, _kernel.Rows * _rowWords);
        else
            _kernel.PackColumns(_source, _first, _count, _start + piece.Start, piece.Depth,
                _panels + piece.Start / _kernel.StepsPerWord * _kernel.PanelColumns(_count));
    }
}
