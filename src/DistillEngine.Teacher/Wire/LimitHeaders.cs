using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace DistillEngine.Teacher.Wire;

/// <summary>Reads the headers in which servers speak of their limits. Values that mean nothing (-1, empty, words) are left out.</summary>
public static partial class LimitHeaders
{
    /// <param name="now">The present, for headers that name a date.</param>
    /// <returns>Null where no header says anything.</returns>
    public static RateLimitHints? Read(HttpResponseHeaders headers, DateTimeOffset now)
    {
        var hints = new RateLimitHints
        {
            RequestLimit = Limit(headers, "x-ratelimit-limit-requests"),
            RequestsRemaining = Count(headers, "x-ratelimit-remaining-requests"),
            TokenLimit = Limit(headers, "x-ratelimit-limit-tokens"),
            TokensRemaining = Count(headers, "x-ratelimit-remaining-tokens"),
        };
        hints = hints with { RetryAfter = RetryAfter(headers, now) ?? Reset(headers, hints, now) };
        return hints == new RateLimitHints() ? null : hints;
    }

    static TimeSpan? RetryAfter(HttpResponseHeaders headers, DateTimeOffset now)
    {
        if (Value(headers, "retry-after-ms") is { } text && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double ms)
            && ms >= 0 && double.IsFinite(ms)) return Seconds(ms / 1000);
        return Value(headers, "retry-after") is { } after ? Duration(after, now) : null;
    }

    /// <summary>When what has run out is there again; a limit that is not exhausted asks for no wait.</summary>
    static TimeSpan? Reset(HttpResponseHeaders headers, RateLimitHints hints, DateTimeOffset now)
    {
        TimeSpan? requests = hints is { RequestsRemaining: 0, RequestLimit: not null } ? Named("x-ratelimit-reset-requests") : null;
        TimeSpan? tokens = hints is { TokensRemaining: 0, TokenLimit: not null } ? Named("x-ratelimit-reset-tokens") : null;
        return requests is null || tokens > requests ? tokens : requests;

        TimeSpan? Named(string name) => Value(headers, name) is { } text && Duration(text, now) is { } wait && wait > TimeSpan.Zero ? wait : null;
    }

    /// <summary>A number of seconds, a duration such as <c>1m30.5s</c> or <c>20ms</c>, or a date.</summary>
    internal static TimeSpan? Duration(string text, DateTimeOffset now)
    {
        text = text.Trim();
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds))
            return seconds >= 0 && double.IsFinite(seconds) ? Seconds(seconds) : null;
        if (Units().Match(text) is { Success: true, Length: > 0 } units)
        {
            double total = 0;
            foreach (var (group, scale) in (ReadOnlySpan<(string, double)>)[("h", 3600), ("m", 60), ("s", 1), ("ms", 0.001)])
                if (units.Groups[group] is { Success: true } part)
                    total += scale * double.Parse(part.ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);
            return Seconds(total);
        }
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date)) return null;
        return date > now ? date - now : TimeSpan.Zero;
    }

    /// <summary>A wait of any length a header can name; longer than a year means the same as a year.</summary>
    static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(Math.Min(seconds, 365 * 86_400.0));

    static long? Limit(HttpResponseHeaders headers, string name) => Count(headers, name) is > 0 and { } limit ? limit : null;

    static long? Count(HttpResponseHeaders headers, string name) =>
        Value(headers, name) is { } text && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long count) ? count : null;

    static string? Value(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out HeaderStringValues values) && values.Count > 0 ? values.First() : null;

    [GeneratedRegex(@"^((?<h>\d+(\.\d+)?)h)?((?<m>\d+(\.\d+)?)m(?!s))?((?<s>\d+(\.\d+)?)s)?((?<ms>\d+(\.\d+)?)ms)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Units();
}
