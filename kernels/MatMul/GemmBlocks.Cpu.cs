namespace DistillEngine.Kernels;

/// <summary>A row block times a column block over a depth block.</summary>
readonly record struct GemmBlock(long Row, int Rows, long Column, int Columns, int Start, int Depth)
{
    public bool Exists => Rows > 0;
}

/// <summary>The blocks of a part in their order: column blocks outside, so that a packed one serves all rows, then the contracted axis,
/// then row blocks.</summary>
readonly record struct GemmBlocks(long FirstRow, long EndRow, int RowStep, long FirstColumn, long EndColumn, int ColumnStep, int Depth, int DepthStep)
{
    public GemmBlock First => At(FirstRow, FirstColumn, 0);

    /// <summary>The block that follows; one that does not exist after the last.</summary>
    public GemmBlock After(in GemmBlock block)
    {
        if (block.Row + RowStep < EndRow) return At(block.Row + RowStep, block.Column, block.Start);
        if (block.Start + DepthStep < Depth) return At(FirstRow, block.Column, block.Start + DepthStep);
        return block.Column + ColumnStep < EndColumn ? At(FirstRow, block.Column + ColumnStep, 0) : default;
    }

    GemmBlock At(long row, long column, int start) => new(row, (int)Math.Min(RowStep, EndRow - row), column,
        (int)Math.Min(ColumnStep, EndColumn - column), start, Math.Min(DepthStep, Depth - start));
}
