namespace DistillEngine.Data.Batching;

/// <summary>How rows become steps.</summary>
/// <param name="BatchRows">Rows of a micro-batch; a row with a rationale is two sequences.</param>
/// <param name="Accumulate">Micro-batches of a step.</param>
/// <param name="Seed">Seed of orders and of the choice among rationales.</param>
/// <param name="BucketSteps">Steps within whose rows batches of like lengths are formed; 0 or 1 micro-batch: rows stay in the order
/// drawn.</param>
public sealed record BatcherOptions(int BatchRows, int Accumulate, ulong Seed, RowOrder Order = RowOrder.Shuffled, int BucketSteps = 0);
