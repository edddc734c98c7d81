namespace DistillEngine.Benchmarks;

/// <summary>A training step to be measured.</summary>
public sealed record StepBenchOptions
{
    /// <summary>Tokens of a label and of a rationale in the method's own step.</summary>
    public const int LabelLength = 4, RationaleLength = 64;

    /// <summary>A preset's name or a model folder.</summary>
    public required string Model { get; init; }

    /// <summary>Rows; with <see cref="StepByStep"/> as many of each task.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Tokens of each source.</summary>
    public int Source { get; init; } = 64;

    /// <summary>Tokens of each target; not looked at with <see cref="StepByStep"/>.</summary>
    public int Target { get; init; } = 32;

    /// <summary>The joint step of predict and explain, whose targets have <see cref="LabelLength"/> and <see cref="RationaleLength"/> tokens.</summary>
    public bool StepByStep { get; init; }

    /// <summary>Whether backward computes activations again instead of finding them kept. That work is no part of the limit.</summary>
    public bool Recompute { get; init; }

    /// <summary>One of <see cref="Training.Optimizers.Names"/>.</summary>
    public string Optimizer { get; init; } = "adamw";

    /// <summary>Type of the products' operands.</summary>
    public PeakKind Operands { get; init; }
}
