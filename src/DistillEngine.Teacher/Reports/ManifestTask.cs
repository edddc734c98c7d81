namespace DistillEngine.Teacher.Reports;

/// <summary>The task of a run.</summary>
/// <param name="Path">The task file, or <c>built-in:NAME</c>.</param>
/// <param name="Sha256">Of the canonical definition and its worked examples (<c>task_sha</c>).</param>
/// <param name="DefinitionSha256">Of the canonical definition alone.</param>
/// <param name="ShotsSha256">Of the worked examples.</param>
public sealed record ManifestTask(string Name, string Path, string Sha256, string DefinitionSha256, string ShotsSha256, int ShotCount,
    string? License, string? Source);
