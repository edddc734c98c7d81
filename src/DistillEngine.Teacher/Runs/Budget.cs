using System.Globalization;

namespace DistillEngine.Teacher.Runs;

/// <summary>
/// Keeps a run within its limits. What requests in flight will use is set aside for them, so the limits are passed by no more than the error of
/// their estimates; the number of requests is never passed at all.
/// </summary>
public sealed class Budget
{
    /// <summary>The least a request can use. Until there is an answer, requests go one at a time where their estimates alone stand in the way: the
    /// first answer tells what they really use.</summary>
    static readonly Spending Least = new(1, 1, 0);

    readonly Lock _gate = new();
    readonly BudgetLimits _limits;
    readonly Prices? _prices;
    Spending _spent;
    Spending _reserved;
    long _replies;
    long _answers;
    TaskCompletionSource _settled = NewSignal();

    /// <param name="spent">What earlier attempts of the same run used.</param>
    /// <param name="replies">Earlier attempts that brought an answer or several.</param>
    /// <param name="answers">Answers that these brought.</param>
    /// <param name="prices">Needed where dollars are limited.</param>
    public Budget(BudgetLimits limits, Prices? prices, Spending spent, long replies, long answers)
    {
        if (limits.Dollars is not null && prices is null) throw new ArgumentException("a limit in dollars needs prices.", nameof(prices));
        (_limits, _prices, _spent, _replies, _answers) = (limits, prices, spent, replies, answers);
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

    /// <summary>Sets aside what a request will use. Where only requests in flight stand in the way, waits for them to tell what they really used.</summary>
    /// <param name="estimate">What the request will use at most.</param>
    /// <param name="samples">Answers it asks for.</param>
    /// <returns>What was set aside; null where the budget has no room for the request.</returns>
    public async Task<Spending?> ReserveAsync(Spending estimate, int samples, CancellationToken cancel)
    {
        while (true)
        {
            Task settled;
            lock (_gate)
            {
                Spending expected = Expected(estimate, samples);
                bool isFirst = _answers == 0 && _reserved.Requests == 0 && Exceeded(_spent + Least) is null;
                if (isFirst || Exceeded(_spent + _reserved + expected) is null)
                {
                    _reserved += expected;
                    return expected;
                }
                if (Exceeded(_spent + (_answers == 0 ? Least : expected)) is not null) return null;
                settled = _settled.Task;
            }
            await settled.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Puts what a request really used in the place of what was set aside.</summary>
    public void Settle(Spending reserved, Spending used, int answers)
    {
        TaskCompletionSource settled;
        lock (_gate)
        {
            _reserved = new(_reserved.Requests - reserved.Requests, _reserved.InputTokens - reserved.InputTokens, _reserved.OutputTokens
                - reserved.OutputTokens);
            _spent += used;
            if (answers > 0) _replies++;
            _answers += answers;
            (settled, _settled) = (_settled, NewSignal());
        }
        settled.SetResult();
    }

    /// <summary>Which limit is reached, in words; for the message when a run stops.</summary>
    public string Describe(Spending estimate, int samples)
    {
        lock (_gate) return Exceeded(_spent + (_answers == 0 ? Least : Expected(estimate, samples))) ?? "no limit is reached";
    }

    /// <summary>Estimates of answers assume the longest; once there are answers, their mean is the better guess.</summary>
    Spending Expected(Spending estimate, int samples) => _answers == 0
        ? estimate
        : new(1, Mean(_spent.InputTokens, Math.Max(1, _replies)), samples * Mean(_spent.OutputTokens, _answers));

    static long Mean(long sum, long count) => (sum + count - 1) / count;

    string? Exceeded(Spending sum)
    {
        if (sum.Requests > _limits.Requests) return Invariant($"{_spent.Requests:N0} of {_limits.Requests:N0} requests are used");
        if (sum.Tokens > _limits.Tokens)
            return Invariant($"{_spent.Tokens:N0} of {_limits.Tokens:N0} tokens are used, and the next request needs about {sum.Tokens - _spent.Tokens:N0}");
        if (_limits.Dollars is { } dollars && CostOf(sum) > dollars)
            return string.Create(CultureInfo.InvariantCulture, $"${CostOf(_spent):0.####} of ${dollars:0.####} are used, "
                + $"and the next request needs about ${CostOf(sum) - CostOf(_spent):0.######}");
        return null;
    }

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
