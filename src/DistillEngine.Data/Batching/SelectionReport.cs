namespace DistillEngine.Data.Batching;

/// <summary>What became of a file's rows on their way into training.</summary>
/// <param name="Rows">Rows of the file.</param>
/// <param name="Selected">Rows that train their label.</param>
/// <param name="WithRationale">Rows of these that train a rationale too.</param>
/// <param name="Mismatched">Rows whose teacher's label differs from gold, kept or not.</param>
/// <param name="Dropped">Rows left out for that.</param>
/// <param name="WithoutLabel">Rows left out because the label source has no label for them.</param>
public sealed record SelectionReport(int Rows, int Selected, int WithRationale, int Mismatched, int Dropped, int WithoutLabel)
{
    public override string ToString() =>
        $"{Rows:N0} rows: {Selected:N0} train their label, {WithRationale:N0} of them a rationale too; "
        + $"{Mismatched:N0} teacher labels differ from gold ({Dropped:N0} dropped), {WithoutLabel:N0} rows have no label.";
}
