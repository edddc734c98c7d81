namespace DistillEngine.Teacher.Runs;

/// <summary>Where a run stands.</summary>
public sealed record RunSnapshot
{
    /// <summary>Questions in all.</summary>
    public required int Total { get; init; }

    /// <summary>Questions with an answer, earlier ones included.</summary>
    public required int Answered { get; init; }

    /// <summary>Of these, how many had one before this run started.</summary>
    public required int AnsweredBefore { get; init; }

    /// <summary>Questions that were given up in this run.</summary>
    public required int GivenUp { get; init; }

    public required int InFlight { get; init; }

    /// <summary>Attempts of this run that failed.</summary>
    public required long FailedAttempts { get; init; }

    /// <summary>When the next request goes out, where all wait; else null.</summary>
    public required DateTimeOffset? WaitingUntil { get; init; }

    /// <summary>Over every time the run was started.</summary>
    public required Spending Spent { get; init; }

    /// <summary>Cost in US dollars, or null without prices.</summary>
    public required double? Dollars { get; init; }

    /// <summary>Cost when all questions are answered, judged by those that are; null without prices or answers.</summary>
    public required double? ProjectedDollars { get; init; }

    public required TimeSpan Elapsed { get; init; }

    /// <summary>Time left at the speed so far; null before the first answer.</summary>
    public required TimeSpan? Remaining { get; init; }
}
