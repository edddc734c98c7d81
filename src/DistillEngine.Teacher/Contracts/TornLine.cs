namespace DistillEngine.Teacher;

/// <summary>A journal's last line that lacks its line feed: the process ended while it was written.</summary>
/// <param name="Line">Number of the line, from 1.</param>
/// <param name="Offset">Bytes before it.</param>
/// <param name="IsWhole">Whether only the line feed is missing.</param>
public sealed record TornLine(long Line, long Offset, bool IsWhole);
