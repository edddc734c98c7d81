using DistillEngine.Teacher;
using DistillEngine.Teacher.Wire;
using Xunit;

namespace DistillEngine.Tests.Teacher.Wire;

public class LimitHeadersTests
{
    static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("retry-after: 20", 20)]
    [InlineData("retry-after: 0.5", 0.5)]
    [InlineData("retry-after: 7200", 7200)]
    [InlineData("retry-after: Thu, 01 Jan 2026 12:01:30 GMT", 90)]
    [InlineData("retry-after: Thu, 01 Jan 2026 11:00:00 GMT", 0)]
    [InlineData("retry-after-ms: 250|retry-after: 20", 0.25)]
    [InlineData("x-ratelimit-limit-requests: 60|x-ratelimit-remaining-requests: 0|x-ratelimit-reset-requests: 1m2.5s", 62.5)]
    [InlineData("x-ratelimit-limit-tokens: 60|x-ratelimit-remaining-tokens: 0|x-ratelimit-reset-tokens: 20ms", 0.02)]
    [InlineData("x-ratelimit-limit-tokens: 60|x-ratelimit-remaining-tokens: 0|x-ratelimit-reset-tokens: 3", 3)]
    [InlineData("retry-after: 1e300", 365 * 86400)]
    public void Read_OfAWait_GivesSeconds(string headers, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), Read(headers)!.RetryAfter);

    [Theory]
    [InlineData("")]
    [InlineData("retry-after: soon")]
    [InlineData("retry-after: -1")]
    [InlineData("retry-after-ms: NaN")]
    [InlineData("x-ratelimit-limit-requests: -1|x-ratelimit-remaining-requests: -1|x-ratelimit-reset-requests: -1")]
    [InlineData("x-ratelimit-limit-requests: 0|x-ratelimit-reset-requests: 5s")]
    [InlineData("x-ratelimit-limit-tokens: |x-ratelimit-reset-tokens: 0")]
    public void Read_OfWhatMeansNothing_GivesNothing(string headers) => Assert.Null(Read(headers));

    [Fact]
    public void Read_OfLimits_GivesThem()
    {
        RateLimitHints hints = Read("x-ratelimit-limit-requests: 500|x-ratelimit-remaining-requests: 499|x-ratelimit-limit-tokens: "
            + "30000|x-ratelimit-remaining-tokens: 0|x-ratelimit-reset-requests: 1s")!;
        Assert.Equal((500L, 499L, 30000L, 0L, null), (hints.RequestLimit, hints.RequestsRemaining, hints.TokenLimit, hints.TokensRemaining, hints.RetryAfter));
    }

    static RateLimitHints? Read(string headers)
    {
        using var response = new HttpResponseMessage();
        foreach (string header in headers.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = header.Split(": ", 2);
            response.Headers.TryAddWithoutValidation(parts[0], parts.Length > 1 ? parts[1] : "");
        }
        return LimitHeaders.Read(response.Headers, Now);
    }
}
