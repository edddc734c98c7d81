namespace DistillEngine.Teacher.Runs;

/// <summary>What a run may use in all, over every time it is started; null for no limit.</summary>
/// <param name="Requests">Attempts, answered or not.</param>
/// <param name="Tokens">Tokens read and written.</param>
/// <param name="Dollars">US dollars; needs prices.</param>
public sealed record BudgetLimits(long? Requests, long? Tokens, double? Dollars)
{
    public static BudgetLimits None { get; } = new(null, null, null);
}
