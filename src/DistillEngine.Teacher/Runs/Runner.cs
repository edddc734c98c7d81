using System.Threading.Channels;
using Polly;

namespace DistillEngine.Teacher.Runs;

/// <summary>
/// Asks all questions of a plan that have no answer yet: a fixed number of workers take them from a bounded queue; each attempt passes the
/// budget and the rate limits, and is in the journal before anything else is done with it.
/// </summary>
public sealed class Runner : IDisposable
{
    /// <summary>So many questions given up one after the other mean that the server, not the questions, is at fault.</summary>
    const int GivenUpInARow = 20;

    readonly ITeacher _teacher;
    readonly RunPlan _plan;
    readonly RunHistory _history;
    readonly Journal _journal;
    readonly RunnerOptions _options;
    readonly TimeProvider _time;
    readonly RateLimits _limits;
    readonly Budget _budget;
    readonly RunState _state;
    readonly ResiliencePipeline<TeacherReply> _pipeline;
    readonly CancellationTokenSource _halt = new();
    readonly Lock _gate = new();
    RunOutcome? _ending;
    string? _reason;

    /// <param name="history">What <paramref name="journal"/> held when it was opened.</param>
    public Runner(ITeacher teacher, RunPlan plan, RunHistory history, Journal journal, RunnerOptions options, TimeProvider time)
    {
        (_teacher, _plan, _history, _journal, _options, _time) = (teacher, plan, history, journal, options, time);
        _limits = new RateLimits(options.RequestsAMinute, options.TokensAMinute, options.Retry.LongestWait, time);
        _budget = new Budget(options.Budget, options.Prices, history.Spent, history.Answers);
        _state = new RunState(plan.Requests.Count, history.Answered, time);
        _pipeline = options.Retry.Build(time, (_, wait) => _state.WillRetry(wait));
    }

    /// <summary>Where the run stands; may be asked for at any time, from any thread.</summary>
    public RunSnapshot Snapshot() => _state.Snapshot(_limits, _budget, _history.Answers);

    /// <summary>Runs to the end, or until something ends it; requests in flight are always waited for, since they are paid.</summary>
    /// <param name="stop">Stops taking up new questions.</param>
    /// <exception cref="IOException">The journal cannot be written.</exception>
    public async Task<RunResult> RunAsync(CancellationToken stop)
    {
        using CancellationTokenRegistration stopping = stop.Register(() => Halt(RunOutcome.Interrupted, "stopped by the user"));
        var queue = Channel.CreateBounded<PlannedRequest>(new BoundedChannelOptions(_options.Concurrency) { SingleWriter = true });
        var tasks = new List<Task>(_options.Concurrency + 1) { FeedAsync(queue.Writer) };
        for (int i = 0; i < _options.Concurrency; i++) tasks.Add(WorkAsync(queue.Reader));
        await Task.WhenAll(tasks).ConfigureAwait(false);
        RunSnapshot last = Snapshot();
        RunOutcome outcome = _ending ?? (last.Answered == last.Total ? RunOutcome.Complete : RunOutcome.Partial);
        return new(outcome, _reason, last, _state.Errors());
    }

    public void Dispose()
    {
        _limits.Dispose();
        _halt.Dispose();
    }

    async Task FeedAsync(ChannelWriter<PlannedRequest> queue)
    {
        try
        {
            foreach (PlannedRequest planned in _plan.Requests)
                if (!_history.IsAnswered(planned.Key)) await queue.WriteAsync(planned, _halt.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            queue.Complete();
        }
    }

    async Task WorkAsync(ChannelReader<PlannedRequest> queue)
    {
        try
        {
            while (await queue.WaitToReadAsync(_halt.Token).ConfigureAwait(false))
                while (!_halt.IsCancellationRequested && queue.TryRead(out PlannedRequest planned)) await AskAsync(planned).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_halt.IsCancellationRequested)
        {
        }
        catch
        {
            // The others stop too; what they wait for still reaches the journal if it can.
            await _halt.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    async Task AskAsync(PlannedRequest planned)
    {
        TeacherRequest request = _plan.Request(planned);
        int attempt = _history.Attempts(planned.Key);
        TeacherReply reply = await _pipeline.ExecuteAsync(
            _ => new ValueTask<TeacherReply>(AttemptAsync(planned, request, ++attempt)), _halt.Token).ConfigureAwait(false);
        if (reply.IsAnswer) Count(_plan.Rows[planned.Row], reply);
        else GiveUp(request, reply);
    }

    async Task<TeacherReply> AttemptAsync(PlannedRequest planned, TeacherRequest request, int attempt)
    {
        Spending estimate = _plan.Estimate(planned);
        Spending? reserved = await _budget.ReserveAsync(estimate, _halt.Token).ConfigureAwait(false);
        if (reserved is not { } setAside)
        {
            Halt(RunOutcome.Budget, $"the budget is reached: {_budget.Describe(estimate)}");
            throw new OperationCanceledException(_halt.Token);
        }
        var used = new Spending();
        TeacherReply? reply = null;
        try
        {
            RatePermit permit = await _limits.AcquireAsync(estimate.Tokens, _halt.Token).ConfigureAwait(false);
            _state.Sent();
            try
            {
                // Not cancelled by anything but its own time limit: the answer may be paid already.
                reply = await _teacher.AskAsync(request, CancellationToken.None).ConfigureAwait(false);
                var entry = JournalEntry.Of(request, reply, attempt, _time.GetUtcNow());
                used = Spending.Of(entry, planned.PromptTokens);
                _journal.Append(entry);
            }
            finally
            {
                _state.Returned(reply);
            }
            TimeSpan quiet = _limits.Settle(permit, used.Tokens, reply);
            if (quiet > TimeSpan.Zero) NoteQuiet(reply, quiet);
            return reply;
        }
        finally
        {
            _budget.Settle(setAside, used, reply?.IsAnswer == true);
        }
    }

    void NoteQuiet(TeacherReply reply, TimeSpan quiet)
    {
        TimeSpan asked = reply.Limits!.RetryAfter!.Value;
        string cut = asked > quiet ? $"; it asked for {asked.TotalSeconds:N0} s, cut to the longest wait" : "";
        _options.Note($"the server asks to wait (status {reply.Status}): waiting {quiet.TotalSeconds:N1} s, until {(_time.GetUtcNow() + quiet).ToLocalTime():HH:mm:ss}{cut}");
    }

    void Count(TeacherRow row, TeacherReply reply)
    {
        _state.Answered();
        if (_options.Watch(row, reply) is { } reason) Halt(RunOutcome.Unparsed, reason);
    }

    void GiveUp(TeacherRequest request, TeacherReply reply)
    {
        int inARow = _state.GaveUp(reply);
        bool nothingWorks = _state.Answers == 0 && (reply.ErrorKind == TeacherErrorKind.Unauthorized || reply.Status is 404 or 405 or (>= 300 and < 400));
        if (reply.ErrorKind == TeacherErrorKind.Quota || reply.Status == 401 || nothingWorks)
            Halt(RunOutcome.Failed, $"the server refuses: {reply.Error}");
        else if (inARow >= GivenUpInARow)
            Halt(RunOutcome.Failed, $"{inARow} questions in a row got no answer, the last ({request.RowId}): {reply.Error}");
    }

    /// <summary>Ends the run; the first reason counts.</summary>
    void Halt(RunOutcome outcome, string reason)
    {
        lock (_gate)
        {
            if (_ending is not null) return;
            (_ending, _reason) = (outcome, reason);
        }
        _halt.Cancel();
    }
}
