namespace DistillEngine.Model;

/// <summary>What decides all dropout masks of one step.</summary>
/// <param name="Rate">0 … below 1; 0 in evaluation.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Step">The optimizer step, from 1.</param>
public readonly record struct DropoutSettings(float Rate, ulong Seed, long Step)
{
    public static DropoutSettings Off => default;
}
