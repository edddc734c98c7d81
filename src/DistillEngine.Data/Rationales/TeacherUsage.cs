namespace DistillEngine.Data.Rationales;

/// <summary>What a row's answers cost.</summary>
/// <param name="InputTokens">Tokens read (<c>in</c>).</param>
/// <param name="OutputTokens">Tokens written (<c>out</c>).</param>
/// <param name="CachedTokens">Tokens read from the provider's cache.</param>
/// <param name="Dollars">US dollars (<c>usd</c>).</param>
public sealed record TeacherUsage(long? InputTokens, long? OutputTokens, long? CachedTokens, double? Dollars);
