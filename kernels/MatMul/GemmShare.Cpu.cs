namespace DistillEngine.Kernels;

/// <summary>A product, and the parts of a run that compute it: a grid over rows and columns of its result.</summary>
/// <param name="FirstPart">Number of the part that has the grid's first field.</param>
readonly record struct GemmShare(GemmProduct Product, int GridRows, int GridColumns, int FirstPart)
{
    /// <summary>The field of a part; none where it is negative.</summary>
    public int Field(int part) => part >= FirstPart && part < FirstPart + GridRows * GridColumns ? part - FirstPart : -1;
}
