namespace DistillEngine.Core;

/// <summary>Extents of a row-major tensor of up to four dimensions; absent dimensions are 1.</summary>
/// <param name="D0">Slowest-varying extent.</param>
public readonly record struct Shape(int D0, int D1 = 1, int D2 = 1, int D3 = 1)
{
    /// <summary>Number of elements; 64-bit because batch × length × vocabulary exceeds 31 bits.</summary>
    public long Count => (long)D0 * D1 * D2 * D3;

    /// <summary>Elements of one slice along the first dimension.</summary>
    public long RowCount => (long)D1 * D2 * D3;

    public override string ToString()
    {
        int rank = D3 != 1 ? 4 : D2 != 1 ? 3 : D1 != 1 ? 2 : 1;
        return rank switch
        {
            4 => $"[{D0}, {D1}, {D2}, {D3}]",
            3 => $"[{D0}, {D1}, {D2}]",
            2 => $"[{D0}, {D1}]",
            _ => $"[{D0}]",
        };
    }
}
