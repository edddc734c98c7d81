using System.Globalization;

namespace DistillEngine.Teacher.Runs;

/// <summary>
/// Keeps a run within its limits. The most a request can use is set aside before it starts, and one that does not fit is not started. So a limit is
/// passed only by what a server counts beyond that: prompts of more tokens than estimated, as far as they are in flight when the first count tells,
/// or answers longer than it was asked for. The number of requests is never passed at all.
/// </summary>
public sealed class Budget
{
    readonly Lock _gate = new();
    readonly BudgetLimits _limits;
    readonly Prices? _prices;
    double _promptRatio;
    Spending _spent;
    Spending _reserved;
    TaskCompletionSource _settled = NewSignal();

    /// <param name="prices">Needed where dollars are limited.</param>
    /// <param name="spent">What earlier attempts of the same run used.</param>
    /// <param name="promptRatio">Most tokens that a server counted for an estimated one of a prompt, at least 1.</param>
    public Budget(BudgetLimits limits, Prices? prices, Spending spent, double promptRatio)
    {
        if (limits.Dollars is not null && prices is null) throw new ArgumentException("a limit in dollars needs prices.", nameof(prices));
        (_limits, _prices, _spent, _promptRatio) = (limits, prices, spent, promptRatio);
    }

    public Spending Spent
    {
        get
        {
            lock (_gate) return _spent;
        }
    }

    /// <summary>Cost of what was spent, or null without prices.</summary>
    public double? Dollars => CostOf(Spent);

    public double? CostOf(Spending spending) => _prices?.Of(spending.InputTokens, spending.OutputTokens);

    /// <summary>Sets aside the most that a request can use. Where only requests in flight stand in the way, waits for them to tell what they really
    /// used.</summary>
    /// <param name="estimate">Its prompt by estimate, and its answers at their longest.</param>
    /// <returns>What was set aside; null where the budget has no room for the request.</returns>
    public async Task<Spending?> ReserveAsync(Spending estimate, CancellationToken cancel)
    {
        while (true)
        {
            Task settled;
            lock (_gate)
            {
                Spending most = Most(estimate);
                if (Exceeded(_spent + _reserved + most) is null)
                {
                    _reserved += most;
                    return most;
                }
                if (Exceeded(_spent + most) is not null) return null;
                settled = _settled.Task;
            }
            await settled.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Puts what a request really used in the place of what was set aside.</summary>
    /// <param name="estimate">As given to <see cref="ReserveAsync"/>.</param>
    public void Settle(Spending estimate, Spending reserved, Spending used)
    {
        TaskCompletionSource settled;
        lock (_gate)
        {
            _reserved = new(_reserved.Requests - reserved.Requests, _reserved.InputTokens - reserved.InputTokens, _reserved.OutputTokens
                - reserved.OutputTokens);
            _spent += used;
            if (used.InputTokens > reserved.InputTokens) _promptRatio = Math.Max(_promptRatio, (double)used.InputTokens / Math.Max(1, estimate.InputTokens));
            (settled, _settled) = (_settled, NewSignal());
        }
        settled.SetResult();
    }

    /// <summary>Which limit is reached, in words; for the message when a run stops.</summary>
    public string Describe(Spending estimate)
    {
        lock (_gate) return Exceeded(_spent + Most(estimate)) ?? "no limit is reached";
    }

    Spending Most(Spending estimate) => estimate with { InputTokens = (long)Math.Ceiling(estimate.InputTokens * _promptRatio) };

    string? Exceeded(Spending sum)
    {
        if (sum.Requests > _limits.Requests) return Invariant($"{_spent.Requests:N0} of {_limits.Requests:N0} requests are used");
        if (sum.Tokens > _limits.Tokens)
            return Invariant($"{_spent.Tokens:N0} of {_limits.Tokens:N0} tokens are used, and the next request can need {sum.Tokens - _spent.Tokens:N0}");
        if (_limits.Dollars is { } dollars && CostOf(sum) > dollars)
            return string.Create(CultureInfo.InvariantCulture, $"${CostOf(_spent):0.####} of ${dollars:0.####} are used, "
                + $"and the next request can need ${CostOf(sum) - CostOf(_spent):0.######}");
        return null;
    }

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
