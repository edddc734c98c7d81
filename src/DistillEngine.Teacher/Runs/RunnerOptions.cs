namespace DistillEngine.Teacher.Runs;

/// <summary>How a run asks.</summary>
public sealed record RunnerOptions
{
    /// <summary>OpenAI's limit of <c>n</c>.</summary>
    public const int MostSamplesARequest = 128;

    /// <summary>Requests in flight at most, at least 1.</summary>
    public required int Concurrency { get; init; }

    /// <summary>Most samples of a row that one request asks for, at least 1.</summary>
    public int SamplesARequest { get; init; } = MostSamplesARequest;

    public int? RequestsAMinute { get; init; }

    public long? TokensAMinute { get; init; }

    public required RetryOptions Retry { get; init; }

    public BudgetLimits Budget { get; init; } = BudgetLimits.None;

    public Prices? Prices { get; init; }

    /// <summary>Looks at every answer while the run goes on, so that a wrong prompt does not cost a whole run; tells why the run should stop, or
    /// null. Called from several threads.</summary>
    public Func<TeacherRow, TeacherChoice, string?> Watch { get; init; } = (_, _) => null;

    /// <summary>Gets lines for the user.</summary>
    public Action<string> Note { get; init; } = _ => { };
}
