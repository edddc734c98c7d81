namespace DistillEngine.Data.Batching;

/// <summary>Where a run stands in its data, between two steps.</summary>
/// <param name="Epoch">Epochs completed.</param>
/// <param name="Row">Rows of this epoch that are done.</param>
/// <param name="Seed">Seed of the run; a position only fits a batcher of the same seed.</param>
public readonly record struct DataPosition(int Epoch, int Row, ulong Seed);
