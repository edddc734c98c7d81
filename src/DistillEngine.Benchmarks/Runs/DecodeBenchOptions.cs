using DistillEngine.Core;

namespace DistillEngine.Benchmarks;

/// <summary>A generation to be measured.</summary>
public sealed record DecodeBenchOptions
{
    /// <summary>A preset's name or a model folder.</summary>
    public required string Model { get; init; }

    /// <summary>Sequences decoded together.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Tokens of each source.</summary>
    public int Source { get; init; } = 64;

    /// <summary>New tokens of each sequence; none ends early.</summary>
    public int Tokens { get; init; } = 32;

    /// <summary>How the model's matrices are held.</summary>
    public WeightForm Weights { get; init; } = WeightForm.F32;

    /// <summary>How keys and values are kept.</summary>
    public DType Cache { get; init; } = DType.F32;
}
