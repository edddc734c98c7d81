namespace DistillEngine.Verification;

/// <summary>Norm, mean and eight samples of a tensor, as the published runs recorded them of what is too large to keep.</summary>
static class PublishedStatistics
{
    const int Samples = 8;

    // Knuth's multiplicative hash: spreads the sampled positions over any tensor.
    const long Multiplier = 2654435761;

    /// <param name="allowed">Of norm (relative) and mean (of the largest).</param>
    /// <param name="allowedSample">Of single elements, of the largest.</param>
    public static void See(Worst worst, string name, float[] got, GoldenJson recorded, double allowed, double allowedSample)
    {
        double largest = Compare.Largest(got), sum = 0;
        foreach (float value in got) sum += value;
        worst.SeeRelative($"{name}, norm", Compare.Norm(got), recorded["l2"].Number, allowed);
        worst.See($"{name}, mean", Compare.Share(Math.Abs(sum / got.Length - recorded["mean"].Number), largest), allowed);
        IReadOnlyList<GoldenJson> samples = recorded["samples"].Items;
        if (samples.Count != Samples) throw recorded["samples"].Error($"has {samples.Count} elements", $"{Samples}");
        for (int k = 0; k < Samples; k++)
        {
            long at = (k + 1) * Multiplier % got.Length;
            worst.See($"{name}, element {at}", Compare.Share(Math.Abs(got[at] - samples[k].Number), largest), allowedSample);
        }
    }
}
