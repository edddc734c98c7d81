using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Replies;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Sessions;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>What <c>run</c>'s options say about where and how fast to ask.</summary>
sealed record RunSettings
{
    public required string Output { get; init; }

    /// <summary>The server; null where a journal is replayed.</summary>
    public required string? BaseUrl { get; init; }

    public required string? Replay { get; init; }

    public required string? KeyFile { get; init; }

    public required int Concurrency { get; init; }

    public required int SamplesARequest { get; init; }

    public required int? RequestsAMinute { get; init; }

    public required long? TokensAMinute { get; init; }

    public required RetryOptions Retry { get; init; }

    public required TimeSpan Timeout { get; init; }

    public required BudgetLimits Budget { get; init; }

    public required Durability Durability { get; init; }

    public required bool IsJson { get; init; }

    public RunTerms Terms(ServerAddress? address, Prices? prices) => new(address is null ? "replay" : "openai-compat", address?.Host, prices)
    {
        Limits = new Dictionary<string, double?>
        {
            ["concurrency"] = Concurrency,
            ["samples-per-request"] = SamplesARequest,
            ["rpm"] = RequestsAMinute,
            ["tpm"] = TokensAMinute,
            ["max-attempts"] = Retry.Attempts,
            ["max-wait"] = Retry.LongestWait.TotalSeconds,
            ["timeout"] = Timeout.TotalSeconds,
        },
        Budget = new Dictionary<string, double?> { ["requests"] = Budget.Requests, ["tokens"] = Budget.Tokens, ["usd"] = Budget.Dollars },
    };

    /// <summary>The runner's options; answers are parsed as they come, to notice early when they cannot be used.</summary>
    public RunnerOptions Runner(RunSetup setup, Prices? prices, Action<string> note)
    {
        IReplyParser parser = ReplyParsers.For(setup.Task);
        var watch = new FailureWatch(setup.Task.Parse);
        return new()
        {
            Concurrency = Concurrency,
            SamplesARequest = SamplesARequest,
            RequestsAMinute = RequestsAMinute,
            TokensAMinute = TokensAMinute,
            Retry = Retry,
            Budget = Budget,
            Prices = prices,
            Note = note,
            Watch = (row, choice) => watch.Add(!parser.Parse(choice.Text, choice.Finish, row.Source).IsOk) ? watch.Describe().TrimEnd('.') : null,
        };
    }
}
