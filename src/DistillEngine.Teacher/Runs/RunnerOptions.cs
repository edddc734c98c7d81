namespace DistillEngine.Teacher.Runs;

/// <summary>How a run asks.</summary>
public sealed record RunnerOptions
{
    /// <summary>Requests in flight at most, at least 1.</summary>
    public required int Concurrency { get; init; }

    public int? RequestsAMinute { get; init; }

    public long? TokensAMinute { get; init; }

    public required RetryOptions Retry { get; init; }

    public BudgetLimits Budget { get; init; } = BudgetLimits.None;

    public Prices? Prices { get; init; }

    /// <summary>Whether an answer can be used; looked at while the run goes on, so that a wrong prompt does not cost a whole run.</summary>
    public required Func<TeacherRow, TeacherReply, bool> IsUsable { get; init; }

    /// <summary>Share of unusable answers, 0 to 1, above which the run stops.</summary>
    public double StopAboveUnusable { get; init; } = 1;

    /// <summary>Answers after which that share is looked at.</summary>
    public int StopAfter { get; init; } = 50;

    /// <summary>Gets lines for the user.</summary>
    public Action<string> Note { get; init; } = _ => { };
}
