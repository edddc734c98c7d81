using Polly;
using Polly.Retry;

namespace DistillEngine.Teacher.Runs;

/// <summary>
/// How often and when a question is asked again. Polly repeats whole attempts rather than HTTP calls within the client's handlers
/// (Microsoft.Extensions.Http.Resilience): there the journal, the budget and the rate limits would not see each attempt, and their defaults
/// (10 s an attempt, a circuit breaker) do not suit models.
/// </summary>
/// <param name="Attempts">Attempts at one question, at least 1.</param>
/// <param name="LongestWait">What any wait is cut to, the server's wishes included.</param>
public sealed record RetryOptions(int Attempts, TimeSpan LongestWait)
{
    static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);

    /// <summary>Whether the same question can succeed at another time.</summary>
    public static bool CanSucceed(TeacherErrorKind kind) => kind is TeacherErrorKind.RateLimited or TeacherErrorKind.Server
        or TeacherErrorKind.Unreachable or TeacherErrorKind.Transport or TeacherErrorKind.Timeout or TeacherErrorKind.BadReply or TeacherErrorKind.OtherForm;

    /// <summary>A pipeline that asks until there is an answer or no hope: exponential waits with jitter, or as long as the server asks.</summary>
    /// <param name="waiting">Is told of every wait.</param>
    internal ResiliencePipeline<TeacherReply> Build(TimeProvider time, Action<TeacherReply, TimeSpan> waiting)
    {
        var builder = new ResiliencePipelineBuilder<TeacherReply> { TimeProvider = time };
        if (Attempts == 1) return builder.Build();
        return builder.AddRetry(new RetryStrategyOptions<TeacherReply>
        {
            MaxRetryAttempts = Attempts - 1,
            ShouldHandle = args => ValueTask.FromResult(args.Outcome.Result is { } reply && CanSucceed(reply.ErrorKind)),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstWait < LongestWait ? FirstWait : LongestWait,
            MaxDelay = LongestWait,
            // MaxDelay does not hold for generated delays, so the server's wish is cut here. No wait, or a date that is past, would use up all attempts at once.
            DelayGenerator = args => ValueTask.FromResult(args.Outcome.Result?.Limits?.RetryAfter is { } asked && asked > TimeSpan.Zero
                ? asked < LongestWait ? asked : LongestWait
                : (TimeSpan?)null),
            OnRetry = args =>
            {
                waiting(args.Outcome.Result!, args.RetryDelay);
                return ValueTask.CompletedTask;
            },
        }).Build();
    }
}
