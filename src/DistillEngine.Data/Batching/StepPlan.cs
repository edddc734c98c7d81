namespace DistillEngine.Data.Batching;

/// <summary>What the next step holds, all micro-batches together: enough to scale every token's loss before the first of them
/// runs.</summary>
/// <param name="LabelTokens">Target tokens of the predict sequences.</param>
/// <param name="WeightedLabelTokens">The same, each times its row's weight.</param>
public readonly record struct StepPlan(int MicroBatches, int Rows, int Sequences, int SourceTokens, int LabelTokens, int RationaleTokens,
    double WeightedLabelTokens, double WeightedRationaleTokens);
