namespace DistillEngine.Training;

/// <summary>What a training step computes with.</summary>
public sealed record TrainerSettings
{
    /// <summary>Loss = alpha · label loss + (1 − alpha) · rationale loss; 0 … 1. A step without rationales is the label loss alone.</summary>
    public double Alpha { get; init; } = 0.5;

    public AccumulateMean AccumulateMean { get; init; } = AccumulateMean.Tokens;

    /// <summary>Greatest global gradient norm; 0 clips nothing.</summary>
    public float Clip { get; init; } = 1;

    /// <summary>Dropout probability, 0 … below 1.</summary>
    public float Dropout { get; init; } = 0.1f;

    /// <summary>Seed of the dropout masks.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether a step waits for the device after its forward, its backward and its end, so that <see cref="StepTimes"/> are those of the
    /// work rather than of queueing it.</summary>
    public bool WaitsForParts { get; init; }

    /// <summary>So many steps in a row may have a loss or gradient that is no number; the next one ends the run.</summary>
    public int MaxSkippedSteps { get; init; } = 10;
}
