namespace DistillEngine.Kernels;

/// <summary>How the left factor of a tile lies in memory. A panel is [rows, columns of a full tile]; the right factor is one in every case
/// but <see cref="Packed"/>, where it is as wide as the tile.</summary>
enum TileLeft : byte
{
    /// <summary>[words, rows of the tile]: made for one shape of tile, and read in one sweep.</summary>
    Packed,

    /// <summary>A panel whose rows are the tile's rows: the contracted axis runs along its columns, so it is no longer than those.</summary>
    PanelRows,

    /// <summary>A panel whose columns are the tile's rows: the contracted axis runs down its rows.</summary>
    PanelColumns,
}
