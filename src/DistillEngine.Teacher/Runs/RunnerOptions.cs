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

    /// <summary>Looks at every answer while the run goes on, so that a wrong prompt does not cost a whole run; tells why the run should stop, or
    /// null. Called from several threads.</summary>
    public Func<TeacherRow, TeacherReply, string?> Watch { get; init; } = (_, _) => null;

    /// <summary>Gets lines for the user.</summary>
    public Action<string> Note { get; init; } = _ => { };
}
