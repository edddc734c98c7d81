namespace DistillEngine.Teacher.Runs;

/// <summary>
/// How much was used within the last minute, exactly: one record for each use, which leaves when it is a minute old and can be corrected when
/// the true amount is known. So a limit holds in every sliding minute, not only in those of a clock.
/// </summary>
/// <remarks>Not safe for threads; the owner locks.</remarks>
sealed class MinuteWindow(TimeProvider time)
{
    /// <summary>A minute, and a little: requests do not take equally long to reach the server's clock.</summary>
    internal static readonly TimeSpan Length = TimeSpan.FromMilliseconds(60_250);

    readonly Queue<Use> _uses = new();
    long _sum;

    /// <summary>Used within the last minute.</summary>
    public long Sum
    {
        get
        {
            Forget();
            return _sum;
        }
    }

    public Use Add(long amount)
    {
        var use = new Use(time.GetTimestamp(), amount);
        _uses.Enqueue(use);
        _sum += amount;
        return use;
    }

    /// <summary>Puts the true amount in the place of an estimated one.</summary>
    public void Correct(Use use, long amount)
    {
        if (!use.IsForgotten) _sum += amount - use.Amount;
        use.Amount = amount;
    }

    /// <summary>Time until <paramref name="amount"/> more fits under <paramref name="limit"/>; zero where it fits now. An amount above the limit
    /// fits once nothing else is in the window: otherwise it would wait for ever.</summary>
    public TimeSpan WaitFor(long amount, long limit)
    {
        Forget();
        long excess = _sum + Math.Min(amount, limit) - limit;
        if (excess <= 0) return TimeSpan.Zero;
        foreach (Use use in _uses)
        {
            excess -= use.Amount;
            if (excess <= 0) return Length - time.GetElapsedTime(use.Start);
        }
        return TimeSpan.Zero;
    }

    void Forget()
    {
        while (_uses.TryPeek(out Use? oldest) && time.GetElapsedTime(oldest.Start) >= Length)
        {
            _sum -= oldest.Amount;
            oldest.IsForgotten = true;
            _uses.Dequeue();
        }
    }

    /// <summary>One use.</summary>
    internal sealed class Use(long start, long amount)
    {
        public long Start { get; } = start;

        public long Amount { get; set; } = amount;

        public bool IsForgotten { get; set; }
    }
}
