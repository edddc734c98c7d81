namespace DistillEngine.Teacher.Runs;

/// <summary>
/// Lets requests through no faster than requests and tokens a minute allow, one after the other in the order they came, and not at all while
/// the server has asked for quiet. Limits that the server names in its headers hold beside the user's.
/// </summary>
public sealed class RateLimits : IDisposable
{
    readonly TimeProvider _time;
    readonly TimeSpan _longestWait;
    readonly Lock _gate = new();
    readonly SemaphoreSlim _turnstile = new(1);
    readonly MinuteWindow _requests;
    readonly MinuteWindow _tokens;
    readonly long _requestLimit;
    readonly long _tokenLimit;
    long _serverRequestLimit = long.MaxValue;
    long _serverTokenLimit = long.MaxValue;
    DateTimeOffset _quietUntil;
    DateTimeOffset _waitingUntil;
    TaskCompletionSource _freed = NewSignal();

    /// <param name="requestsAMinute">At least 1, or null for no limit.</param>
    /// <param name="tokensAMinute">Tokens read and written, at least 1, or null for no limit.</param>
    /// <param name="longestWait">What a server's wish to wait is cut to.</param>
    public RateLimits(int? requestsAMinute, long? tokensAMinute, TimeSpan longestWait, TimeProvider time)
    {
        (_time, _longestWait) = (time, longestWait);
        (_requests, _tokens) = (new(time), new(time));
        (_requestLimit, _tokenLimit) = (requestsAMinute ?? long.MaxValue, tokensAMinute ?? long.MaxValue);
    }

    /// <summary>When the next request goes out, where one waits; else the past.</summary>
    public DateTimeOffset WaitingUntil
    {
        get
        {
            lock (_gate) return _waitingUntil > _quietUntil ? _waitingUntil : _quietUntil;
        }
    }

    /// <summary>Waits until a request may go out, and counts it.</summary>
    /// <param name="tokens">Tokens it is estimated to read and write.</param>
    /// <returns>What <see cref="Settle"/> wants to hear about the request.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was triggered while it waited.</exception>
    public async Task<RatePermit> AcquireAsync(long tokens, CancellationToken cancel)
    {
        await _turnstile.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            while (true)
            {
                TimeSpan wait;
                Task freed;
                lock (_gate)
                {
                    wait = Longest(_quietUntil - _time.GetUtcNow(), _requests.WaitFor(1, Math.Min(_requestLimit, _serverRequestLimit)),
                        _tokens.WaitFor(tokens, Math.Min(_tokenLimit, _serverTokenLimit)));
                    if (wait <= TimeSpan.Zero) return new(_requests.Add(1), _tokens.Add(tokens));
                    _waitingUntil = _time.GetUtcNow() + wait;
                    freed = _freed.Task;
                }
                await WaitAsync(wait, freed, cancel).ConfigureAwait(false);
            }
        }
        finally
        {
            _turnstile.Release();
        }
    }

    /// <summary>Puts the tokens really used in the place of the estimate, and minds what the server said.</summary>
    /// <returns>How long the server asked all requests to wait, after the cut; zero where it did not.</returns>
    public TimeSpan Settle(RatePermit permit, long tokens, TeacherReply reply)
    {
        lock (_gate)
        {
            _tokens.Correct(permit.Tokens, tokens);
            _freed.TrySetResult();
            _freed = NewSignal();
            if (reply.Limits is not { } hints) return TimeSpan.Zero;
            if (hints.RequestLimit is { } requests) _serverRequestLimit = requests;
            if (hints.TokenLimit is { } limit) _serverTokenLimit = limit;
            // A wish to wait counts where the server is out of something; others send the header with every answer.
            if (hints.RetryAfter is not { } asked || (reply.IsAnswer && hints is not ({ RequestsRemaining: 0 } or { TokensRemaining: 0 })))
                return TimeSpan.Zero;
            TimeSpan wait = Cut(asked);
            DateTimeOffset until = _time.GetUtcNow() + wait;
            if (until > _quietUntil) _quietUntil = until;
            return wait;
        }
    }

    /// <summary>A wait no longer than the longest allowed.</summary>
    public TimeSpan Cut(TimeSpan wait) => wait < _longestWait ? wait : _longestWait;

    public void Dispose() => _turnstile.Dispose();

    /// <summary>Waits for a time to pass or for tokens that were set aside and not used, whichever comes first.</summary>
    async Task WaitAsync(TimeSpan wait, Task freed, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAny(Task.Delay(wait, _time, over.Token), freed).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
    }

    static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    static TimeSpan Longest(TimeSpan a, TimeSpan b, TimeSpan c) => TimeSpan.FromTicks(Math.Max(a.Ticks, Math.Max(b.Ticks, c.Ticks)));
}
