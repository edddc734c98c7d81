using DistillEngine.Core;

namespace DistillEngine.Benchmarks;

/// <summary>What a training step took.</summary>
/// <param name="Steps">Steps measured.</param>
/// <param name="Tokens">Source and target tokens of a step.</param>
/// <param name="ProductFlops">Of all matrix products of forward and backward.</param>
/// <param name="OptimizerBytes">Compulsory traffic of the update.</param>
public sealed record StepBenchResult(int Steps, Timing Forward, Timing Backward, Timing Optimizer, Timing Step, int Tokens, long ProductFlops,
    long OptimizerBytes,
    DType Operands, RunConditions Conditions)
{
    public double TokensPerSecond => Tokens / Step.Median * 1e3;

    /// <summary>The products at their peak, then the update at the read bandwidth; nothing else takes time.</summary>
    public double LimitMs(Roof roof) => 1e3 * (roof.Seconds(new Cost(ProductFlops, 0), Operands) + roof.Seconds(new Cost(0, OptimizerBytes)));

    /// <summary>0 to 1.</summary>
    public double ShareOfLimit(Roof roof) => LimitMs(roof) / Step.Median;
}
