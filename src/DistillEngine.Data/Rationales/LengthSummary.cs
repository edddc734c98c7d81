namespace DistillEngine.Data.Rationales;

/// <summary>Lengths of one kind of text.</summary>
/// <param name="Count">Texts measured.</param>
/// <param name="P95">Smallest length that 95 % of the texts do not exceed.</param>
public readonly record struct LengthSummary(int Count, double Mean, int P95, int Max)
{
    /// <summary>All zero for no lengths.</summary>
    public static LengthSummary Of(List<int> lengths)
    {
        if (lengths.Count == 0) return default;
        lengths.Sort();
        return new(lengths.Count, lengths.Average(), lengths[(int)Math.Ceiling(0.95 * lengths.Count) - 1], lengths[^1]);
    }
}
