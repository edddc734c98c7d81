using DistillEngine.Data.Rationales;

namespace DistillEngine.Data.Import;

/// <summary>What an import found.</summary>
/// <param name="Rows">Rows written.</param>
/// <param name="Parsed">Rows whose teacher's output gave a label.</param>
/// <param name="Correct">Rows whose teacher's label is right, as the published code counts: by text, or by value with Python's <c>and</c>
/// and <c>or</c>.</param>
/// <param name="Examples">A few rows over the file: when inputs and rationales do not belong together, it shows here.</param>
/// <param name="Warnings">What deserves a look before training.</param>
public sealed record ImportReport(int Rows, int Parsed, int Correct, IReadOnlyList<RationaleRow> Examples, IReadOnlyList<string> Warnings)
{
    /// <summary>Share of all rows, unparsed ones included, 0 to 1.</summary>
    public double TeacherAccuracy => (double)Correct / Rows;
}
