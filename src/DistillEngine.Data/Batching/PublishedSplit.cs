namespace DistillEngine.Data.Batching;

/// <summary>The published split of train rows into train and valid: <c>train_test_split(test_size, seed)</c> of the datasets
/// library.</summary>
/// <param name="Train">Rows to train on, in the published order: row numbers of the file.</param>
/// <param name="Valid">Rows held out.</param>
public sealed record PublishedSplit(int[] Train, int[] Valid)
{
    /// <param name="rows">Rows of the file.</param>
    /// <param name="fraction">Share held out, rounded up to whole rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">The split would leave a part empty.</exception>
    public static PublishedSplit Of(int rows, double fraction = 0.1, uint seed = 0)
    {
        int valid = (int)Math.Ceiling(fraction * rows);
        if (valid <= 0 || valid >= rows)
            throw new ArgumentOutOfRangeException(nameof(fraction), fraction, $"A share of {fraction} "
                + $"of {rows} rows leaves one part empty.");
        int[] order = new Pcg64(seed).Permutation(rows);
        return new(order[valid..], order[..valid]);
    }
}
