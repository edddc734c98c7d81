namespace DistillEngine.Verification;

/// <summary>Counts what should be equal and is not, and keeps the first.</summary>
sealed class Differences
{
    public int Compared { get; private set; }

    public int Different { get; private set; }

    public string? First { get; private set; }

    public void See(string where, string? got, string? expected) =>
        See(where, string.Equals(got, expected, StringComparison.Ordinal), () => $"got '{got}', expected '{expected}'");

    public void See(string where, long got, long expected) => See(where, got == expected, () => $"got {got}, expected {expected}");

    public void See(string where, ReadOnlySpan<int> got, ReadOnlySpan<int> expected)
    {
        Compared++;
        if (got.SequenceEqual(expected)) return;
        Different++;
        int at = got.CommonPrefixLength(expected);
        First ??= $"{where}: {Id(got, at)} at {at}, expected {Id(expected, at)}";
    }

    public void See(string where, bool isEqual, Func<string> describe)
    {
        Compared++;
        if (isEqual) return;
        Different++;
        First ??= $"{where}: {describe()}";
    }

    static string Id(ReadOnlySpan<int> ids, int at) => at < ids.Length ? ids[at].ToString() : "the end";
}
