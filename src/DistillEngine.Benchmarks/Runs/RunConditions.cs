namespace DistillEngine.Benchmarks;

/// <summary>What was measured beside the times of some runs.</summary>
/// <param name="PeakRssMb">Most resident memory of the process up to the end of the warm-up, 10⁶ bytes.</param>
/// <param name="ReadGBs">10⁹ bytes a second that were read from memory between the runs, the median; null on another device.</param>
/// <param name="ProbeSeconds">What reading between the runs took, its preparation included.</param>
public readonly record struct RunConditions(double PeakRssMb, double? ReadGBs, double ProbeSeconds)
{
    /// <summary>The limits that the runs had: those measured after them, at the bandwidth between them.</summary>
    public Roof Limits(Roof after) => ReadGBs is { } read ? after with { ReadGBs = read } : after;
}
