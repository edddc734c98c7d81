namespace DistillEngine.Teacher;

/// <summary>What response headers say about limits; null where they say nothing usable.</summary>
public sealed record RateLimitHints
{
    /// <summary>How long the server asks to wait (<c>Retry-After</c>, <c>retry-after-ms</c>, else <c>x-ratelimit-reset-*</c> of what has run out).</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Requests allowed a minute.</summary>
    public long? RequestLimit { get; init; }

    public long? RequestsRemaining { get; init; }

    /// <summary>Tokens allowed a minute.</summary>
    public long? TokenLimit { get; init; }

    public long? TokensRemaining { get; init; }
}
