namespace DistillEngine.Tests.Teacher;

/// <summary>A clock that stands still until it is told to jump to the next moment somebody waits for.</summary>
sealed class VirtualTime : TimeProvider
{
    static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(1);

    readonly Lock _gate = new();
    readonly List<Timer> _timers = [];
    DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Jumps to the next moment that somebody waits for.</summary>
    /// <returns>False where nobody waits.</returns>
    public bool Jump()
    {
        List<Timer> due;
        lock (_gate)
        {
            if (_timers.Count == 0) return false;
            DateTimeOffset next = _timers.Min(t => t.Due);
            if (next > _now) _now = next;
            due = [.. _timers.Where(t => t.Due <= _now)];
            _timers.RemoveAll(t => t.Due <= _now);
        }
        foreach (Timer timer in due) timer.Fire();
        return true;
    }

    /// <summary>Jumps for as long as the work goes on, each time nothing else is going on.</summary>
    public async Task<T> DriveAsync<T>(Task<T> work, Func<bool> isIdle)
    {
        int quiet = 0;
        while (!work.IsCompleted)
        {
            quiet = isIdle() ? quiet + 1 : 0;
            if (quiet < 3)
            {
                await Task.Delay(Settled);
                continue;
            }
            Jump();
            quiet = 0;
        }
        return await work;
    }

    sealed class Timer(VirtualTime owner, Action fire) : ITimer
    {
        TimeSpan _period;

        public DateTimeOffset Due { get; private set; }

        public void Fire()
        {
            if (_period > TimeSpan.Zero) Change(_period, _period);
            fire();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner._gate)
            {
                owner._timers.Remove(this);
                _period = period;
                if (dueTime < TimeSpan.Zero) return true;
                Due = owner._now + dueTime;
                owner._timers.Add(this);
                return true;
            }
        }

        public void Dispose()
        {
            lock (owner._gate) owner._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
