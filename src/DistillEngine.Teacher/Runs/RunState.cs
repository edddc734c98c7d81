namespace DistillEngine.Teacher.Runs;

/// <summary>Counts of a run in progress; safe for threads.</summary>
sealed class RunState(int total, int answeredBefore, TimeProvider time)
{
    readonly Lock _gate = new();
    readonly long _start = time.GetTimestamp();
    readonly Dictionary<TeacherErrorKind, ErrorGroup> _errors = [];
    int _answered;
    int _givenUp;
    int _givenUpInARow;
    int _inFlight;
    bool _hasResponse;
    long _failedAttempts;
    DateTimeOffset _retryAt;

    public int Answers
    {
        get
        {
            lock (_gate) return _answered;
        }
    }

    /// <summary>Whether the server has responded at all, be it with an error.</summary>
    public bool HasResponse
    {
        get
        {
            lock (_gate) return _hasResponse;
        }
    }

    public void Sent()
    {
        lock (_gate) _inFlight++;
    }

    /// <returns>Whether it is the first failure of its kind.</returns>
    public bool Returned(TeacherReply? reply)
    {
        lock (_gate)
        {
            _inFlight--;
            if (reply is { Status: > 0 }) _hasResponse = true;
            if (reply is null || reply.IsAnswer) return false;
            _failedAttempts++;
            ErrorGroup group = GroupOf(reply);
            _errors[reply.ErrorKind] = group with { Attempts = group.Attempts + 1 };
            return group.Attempts == 0;
        }
    }

    public void WillRetry(TimeSpan wait)
    {
        lock (_gate) _retryAt = time.GetUtcNow() + wait;
    }

    public void Answered()
    {
        lock (_gate)
        {
            _answered++;
            _givenUpInARow = 0;
        }
    }

    /// <param name="questions">Samples of a row, at least 1.</param>
    /// <returns>Rows given up since the last answer.</returns>
    public int GaveUp(TeacherReply reply, int questions)
    {
        lock (_gate)
        {
            _givenUp += questions;
            ErrorGroup group = GroupOf(reply);
            _errors[reply.ErrorKind] = group with { GivenUp = group.GivenUp + questions };
            return ++_givenUpInARow;
        }
    }

    public IReadOnlyList<ErrorGroup> Errors()
    {
        lock (_gate) return [.. _errors.Values.OrderByDescending(e => e.Attempts).ThenBy(e => e.Kind, StringComparer.Ordinal)];
    }

    public RunSnapshot Snapshot(RateLimits limits, Budget budget, long answersEver)
    {
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow(), wait = limits.WaitingUntil;
            if (_retryAt > wait) wait = _retryAt;
            TimeSpan elapsed = time.GetElapsedTime(_start);
            int left = total - answeredBefore - _answered - _givenUp;
            double? dollars = budget.Dollars;
            long answers = answersEver + _answered;
            return new()
            {
                Total = total,
                Answered = answeredBefore + _answered,
                AnsweredBefore = answeredBefore,
                GivenUp = _givenUp,
                InFlight = _inFlight,
                FailedAttempts = _failedAttempts,
                WaitingUntil = _inFlight == 0 && wait > now ? wait : null,
                Spent = budget.Spent,
                Dollars = dollars,
                ProjectedDollars = answers > 0 ? dollars + dollars / answers * left : null,
                Elapsed = elapsed,
                Remaining = _answered > 0 ? elapsed / _answered * left : null,
            };
        }
    }

    ErrorGroup GroupOf(TeacherReply reply) => _errors.TryGetValue(reply.ErrorKind, out ErrorGroup? group)
        ? group
        : new(JournalEntry.NameOf(reply.ErrorKind), 0, 0, reply.Error ?? "");
}
