namespace DistillEngine.Training;

/// <summary>What the losses of a step with several micro-batches are means of.</summary>
public enum AccumulateMean : byte
{
    /// <summary>All counted tokens of a task in the step: the same loss however the rows are split.</summary>
    Tokens,

    /// <summary>The micro-batches' means, as the published code (and older trainers) computed it.</summary>
    MicroBatches,
}
