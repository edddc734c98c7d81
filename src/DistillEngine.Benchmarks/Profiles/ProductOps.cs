namespace DistillEngine.Benchmarks;

/// <summary>Which of the recorded ops multiply matrices in the type that the user chose. All others compute in float32, whatever products take:
/// attention, softmax, norms and updates, and the few results of low forms that are computed anew from unrounded inputs.</summary>
static class ProductOps
{
    const string Refinement = "matmul.refine_greatest";

    static readonly string[] Families = ["matmul.", "linear_cross_entropy."];

    /// <param name="op">Its name in a <see cref="Core.TraceLog"/>.</param>
    public static bool Contains(string op) => op != Refinement && Families.Any(family => op.StartsWith(family, StringComparison.Ordinal));
}
