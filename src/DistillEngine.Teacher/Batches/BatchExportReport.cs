namespace DistillEngine.Teacher.Batches;

/// <summary>What an export wrote.</summary>
/// <param name="Requests">Questions in all files.</param>
public sealed record BatchExportReport(IReadOnlyList<string> Files, int Requests);
