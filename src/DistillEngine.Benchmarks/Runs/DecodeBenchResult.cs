namespace DistillEngine.Benchmarks;

/// <summary>What a greedy generation took, the encoder included.</summary>
/// <param name="Runs">Generations measured.</param>
/// <param name="Sequences">Decoded together.</param>
/// <param name="TokensEach">New tokens of each.</param>
public sealed record DecodeBenchResult(int Runs, Timing Time, int Sequences, int TokensEach, DecodeWork Work, RunConditions Conditions)
{
    /// <summary>New tokens of all sequences.</summary>
    public double TokensPerSecond => (double)Sequences * TokensEach / Time.Median * 1e3;

    /// <summary>Weights and keys and values that a step reads, by the tokens that it gives.</summary>
    public double BytesPerToken => (double)Work.Step.Bytes / Sequences;

    public double LimitMs(Roof roof) => 1e3 * Work.Seconds(roof, TokensEach);

    /// <summary>0 to 1.</summary>
    public double ShareOfLimit(Roof roof) => LimitMs(roof) / Time.Median;
}
