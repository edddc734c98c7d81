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

    /// <summary>So many attempts at a question find nobody, before anything was heard of the server: then it is not there, or elsewhere.</summary>
    const int UnreachableInARow = 3;

    static readonly TimeSpan LongQuiet = TimeSpan.FromSeconds(5);

    readonly ITeacher _teacher;
    readonly RunPlan _plan;
    readonly RunHistory _history;
    readonly Journal _journal;
    readonly RunnerOptions _options;
    readonly TimeProvider _time;
    readonly RateLimits _limits;
    readonly Budget _budget;
    readonly RunState _state;
    readonly SampleBundles _bundles;
    readonly ResiliencePipeline<TeacherReply> _pipeline;
    readonly CancellationTokenSource _halt = new();
    readonly Lock _gate = new();
    int _notedQuiet;
    RunOutcome? _ending;
    string? _reason;

    /// <param name="history">What <paramref name="journal"/> held when it was opened.</param>
    public Runner(ITeacher teacher, RunPlan plan, RunHistory history, Journal journal, RunnerOptions options, TimeProvider time)
    {
        (_teacher, _plan, _history, _journal, _options, _time) = (teacher, plan, history, journal, options, time);
        _limits = new RateLimits(options.RequestsAMinute, options.TokensAMinute, options.Retry.LongestWait, time);
        _budget = new Budget(options.Budget, options.Prices, history.Spent, history.PromptRatio);
        _bundles = new SampleBundles(options.SamplesARequest);
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
        var queue = Channel.CreateBounded<ArraySegment<PlannedRequest>>(new BoundedChannelOptions(_options.Concurrency) { SingleWriter = true });
        var tasks = new List<Task>(_options.Concurrency + 1) { FeedAsync(queue.Writer) };
        for (int i = 0; i < _options.Concurrency; i++) tasks.Add(WorkAsync(queue.Reader));
        await Task.WhenAll(tasks).ConfigureAwait(false);
        RunSnapshot last = Snapshot();
        // What ended it does not matter where nothing was left to ask.
        if (last.Answered == last.Total && _ending is (RunOutcome.Interrupted or RunOutcome.Budget)) (_ending, _reason) = (RunOutcome.Complete, null);
        return new(_ending ?? (last.Answered == last.Total ? RunOutcome.Complete : RunOutcome.Partial), _reason, last, _state.Errors());
    }

    public void Dispose()
    {
        _limits.Dispose();
        _halt.Dispose();
    }

    async Task FeedAsync(ChannelWriter<ArraySegment<PlannedRequest>> queue)
    {
        try
        {
            PlannedRequest[] missing = [.. _plan.Requests.Where(planned => !_history.IsAnswered(planned.Key))];
            for (int start = 0, end; start < missing.Length; start = end)
            {
                end = start + 1;
                while (end < missing.Length && missing[end].Row == missing[start].Row && missing[end].Sample == missing[end - 1].Sample + 1) end++;
                await queue.WriteAsync(new(missing, start, end - start), _halt.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            queue.Complete();
        }
    }

    async Task WorkAsync(ChannelReader<ArraySegment<PlannedRequest>> queue)
    {
        try
        {
            while (await queue.WaitToReadAsync(_halt.Token).ConfigureAwait(false))
                while (!_halt.IsCancellationRequested && queue.TryRead(out ArraySegment<PlannedRequest> samples)) await AskAsync(samples).ConfigureAwait(false);
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

    /// <summary>Asks for consecutive samples of a row, until each is answered or given up.</summary>
    async Task AskAsync(ArraySegment<PlannedRequest> samples)
    {
        while (samples.Count > 0)
        {
            PlannedRequest first = samples[0];
            int attempt = _history.Attempts(first.Key), tries = 0, asked = 0;
            TeacherErrorKind? failed = null;
            TeacherReply reply;
            do
            {
                reply = await _pipeline.ExecuteAsync(async _ =>
                {
                    asked = failed is null ? _bundles.Size(samples.Count) : 1;
                    TeacherReply got = await AttemptAsync(first, asked, ++attempt).ConfigureAwait(false);
                    if (_bundles.IsInDoubt(asked, got.ErrorKind)) failed = got.ErrorKind;
                    EndWhereNobodyIs(got, ++tries);
                    return got;
                }, _halt.Token).ConfigureAwait(false);
            }
            while (!reply.IsAnswer && asked > 1 && failed is not null);
            if (!reply.IsAnswer)
            {
                GiveUp(_plan.Rows[first.Row], samples.Count, reply);
                return;
            }
            _bundles.Answered(asked, reply.Answers, failed);
            Count(_plan.Rows[first.Row], reply);
            samples = samples[reply.Answers..];
        }
    }

    async Task<TeacherReply> AttemptAsync(PlannedRequest planned, int samples, int attempt)
    {
        TeacherRequest request = _plan.Request(planned, samples);
        Spending estimate = _plan.Estimate(planned, samples);
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
                IReadOnlyList<JournalEntry> entries = JournalEntry.Of(request, reply, attempt, _time.GetUtcNow(), setAside.InputTokens);
                foreach (JournalEntry entry in entries) used += Spending.Of(entry);
                _journal.Append(entries);
            }
            finally
            {
                if (_state.Returned(reply)) _options.Note($"first failure of its kind, {JournalEntry.NameOf(reply!.ErrorKind)}: {reply.Error}");
            }
            TimeSpan quiet = _limits.Settle(permit, used.Tokens, reply);
            if (quiet > TimeSpan.Zero) NoteQuiet(reply, quiet);
            return reply;
        }
        finally
        {
            _budget.Settle(estimate, setAside, used);
        }
    }

    /// <summary>Tells of the first wait and of every long one; short ones are many, and progress shows them.</summary>
    void NoteQuiet(TeacherReply reply, TimeSpan quiet)
    {
        bool isFirst = Interlocked.Exchange(ref _notedQuiet, 1) == 0;
        if (!isFirst && quiet < LongQuiet) return;
        TimeSpan asked = reply.Limits!.RetryAfter!.Value;
        string cut = asked > quiet ? $"; it asked for {asked.TotalSeconds:N0} s, cut to the longest wait" : "";
        _options.Note($"the server asks to wait (status {reply.Status}): waiting {quiet.TotalSeconds:N1} s, "
            + $"until {(_time.GetUtcNow() + quiet).ToLocalTime():HH:mm:ss}{cut}");
    }

    void Count(TeacherRow row, TeacherReply reply)
    {
        foreach (TeacherChoice choice in (IEnumerable<TeacherChoice>)[new(reply.Text!, reply.Reasoning, reply.Finish), .. reply.Further])
        {
            _state.Answered();
            if (_options.Watch(row, choice) is { } reason) Halt(RunOutcome.Unparsed, reason);
        }
    }

    /// <summary>A server that was there is waited for; one that never was is a wrong address.</summary>
    void EndWhereNobodyIs(TeacherReply reply, int tries)
    {
        if (reply.ErrorKind != TeacherErrorKind.Unreachable || _state.HasResponse || tries < Math.Min(UnreachableInARow, _options.Retry.Attempts)) return;
        Halt(RunOutcome.Failed, $"the server cannot be reached: {reply.Error} (expected a server that runs; see --base-url)");
    }

    void GiveUp(TeacherRow row, int samples, TeacherReply reply)
    {
        int inARow = _state.GaveUp(reply, samples);
        bool nothingWorks = _state.Answers == 0 && (reply.ErrorKind == TeacherErrorKind.Unauthorized || reply.Status is 404 or 405 or (>= 300 and < 400));
        if (reply.ErrorKind == TeacherErrorKind.Quota || reply.Status == 401 || nothingWorks)
            Halt(RunOutcome.Failed, $"the server refuses: {reply.Error}");
        else if (inARow >= GivenUpInARow)
            Halt(RunOutcome.Failed, $"{inARow} questions in a row got no answer, the last ({row.Id}): {reply.Error}");
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
