namespace DistillEngine.Teacher;

/// <summary>Tokens of one answer, as the server counts them; null where it does not say.</summary>
/// <param name="Input">Tokens read (<c>in</c>).</param>
/// <param name="Output">Tokens written (<c>out</c>).</param>
/// <param name="Cached">Tokens read from the server's cache; part of <paramref name="Input"/>.</param>
public sealed record TokenUsage(long? Input, long? Output, long? Cached);
