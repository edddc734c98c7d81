using DistillEngine.Teacher;
using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Runs;

public class RunnerFaultTests
{
    [Fact]
    public async Task Run_WhenAFifthOfAllRequestsFail_AnswersEveryRowOnceWithinAllLimits()
    {
        const int rows = 2000, perMinute = 600;
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = number =>
            new Random(number * 7919 + 17) is var random && random.NextDouble() < 0.2 ? (Fault)random.Next(1, (int)Fault.NoUsage + 1) : Fault.None;
        using var folder = new TeacherFolder();
        RunResult result = await RunAsync(folder, server, time, TeacherFixtures.Plan(rows), TeacherFixtures.Options(32) with { RequestsAMinute = perMinute });

        Assert.Equal(RunOutcome.Complete, result.Outcome);
        List<JournalEntry> journal = TeacherFixtures.ReadJournal(folder.Path);
        Assert.Equal(rows, journal.Where(e => e.IsAnswer).Select(e => e.Id).Distinct().Count());
        Assert.Equal(rows, journal.Count(e => e.IsAnswer));
        Assert.Equal(server.Requests.Count, journal.Count);
        AssertSlidingMinutes(server, perMinute);
    }

    [Fact]
    public async Task Run_WhenTheServerAsksForTwoHours_WaitsTheLongestWaitAndSaysSo()
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = number => number == 0 ? Fault.RetryAfterTwoHours : Fault.None;
        using var folder = new TeacherFolder();
        var notes = new List<string>();
        RunResult result = await RunAsync(folder, server, time, TeacherFixtures.Plan(5), TeacherFixtures.Options(1) with { Note = notes.Add });

        Assert.Equal(RunOutcome.Complete, result.Outcome);
        DateTimeOffset[] times = [.. server.Requests.Select(r => r.Time)];
        Assert.Equal(TimeSpan.FromSeconds(60), times[1] - times[0]);
        string note = Assert.Single(notes, n => n.Contains("asks to wait", StringComparison.Ordinal));
        Assert.Contains("7,200 s", note, StringComparison.Ordinal);
        Assert.Contains("60.0 s", note, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Fault.RetryAfterOneSecond, 1000)]
    [InlineData(Fault.RetryAfterMilliseconds, 350)]
    public async Task Run_WhenTheServerAsksToWait_SendsNothingBefore(Fault fault, int milliseconds)
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = number => number == 0 ? fault : Fault.None;
        using var folder = new TeacherFolder();
        await RunAsync(folder, server, time, TeacherFixtures.Plan(3), TeacherFixtures.Options(1));
        DateTimeOffset[] times = [.. server.Requests.Select(r => r.Time)];
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), times[1] - times[0]);
    }

    [Fact]
    public async Task Run_WhenTheServerAsksForNoWait_BacksOffAllTheSame()
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = number => number == 0 ? Fault.RetryAfterNothing : Fault.None;
        using var folder = new TeacherFolder();
        await RunAsync(folder, server, time, TeacherFixtures.Plan(3), TeacherFixtures.Options(1));
        DateTimeOffset[] times = [.. server.Requests.Select(r => r.Time)];
        Assert.True(times[1] > times[0]);
    }

    [Fact]
    public async Task Run_WhenARowCannotBeAnswered_GivesItUpAtOnceAndGoesOn()
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = number => number == 1 ? Fault.TooLong : Fault.None;
        using var folder = new TeacherFolder();
        RunResult result = await RunAsync(folder, server, time, TeacherFixtures.Plan(6), TeacherFixtures.Options(1));
        Assert.Equal(RunOutcome.Partial, result.Outcome);
        Assert.Equal((5, 1), (result.Last.Answered, result.Last.GivenUp));
        Assert.Equal(6, server.Requests.Count);
        ErrorGroup error = Assert.Single(result.Errors);
        Assert.Equal(("bad_request", 1L, 1L), (error.Kind, error.Attempts, error.GivenUp));
    }

    [Theory]
    [InlineData(Fault.NoCredit)]
    [InlineData(Fault.WrongKey)]
    [InlineData(Fault.NoSuchModel)]
    public async Task Run_WhenTheServerRefusesEverything_StopsAfterOneRequest(Fault fault)
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = _ => fault;
        using var folder = new TeacherFolder();
        RunResult result = await RunAsync(folder, server, time, TeacherFixtures.Plan(50), TeacherFixtures.Options(1), "sk-secret-of-the-test");
        Assert.Equal(RunOutcome.Failed, result.Outcome);
        Assert.Single(server.Requests);
        Assert.Contains("the server refuses", result.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-secret-of-the-test", result.Reason + File.ReadAllText(folder.File("journal.jsonl")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Fault.ResetInBody)]
    [InlineData(Fault.TornJson)]
    [InlineData(Fault.Hangs)]
    [InlineData(Fault.NullText)]
    public async Task Run_WhenAnswersAreLost_CountsThemAtTheirLongest(Fault fault)
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = number => number == 0 ? fault : Fault.None;
        using var folder = new TeacherFolder();
        RunPlan plan = TeacherFixtures.Plan(3);
        RunResult result = await RunAsync(folder, server, time, plan, TeacherFixtures.Options(1));

        Assert.Equal(RunOutcome.Complete, result.Outcome);
        // A body with counts tells what it cost.
        (long read, long written) = fault == Fault.NullText ? (40, 20) : (plan.Requests[0].PromptTokens, TeacherFixtures.Parameters.MaxTokens);
        Assert.Equal(new Spending(4, 3 * 40 + read, 3 * 20 + written), result.Last.Spent);
        var again = new RunHistory(plan);
        foreach (JournalEntry entry in TeacherFixtures.ReadJournal(folder.Path)) again.Add(entry);
        Assert.Equal(result.Last.Spent, again.Spent);
        Assert.Equal(result.Last.Spent, JournalSummary.Of(folder.Path).Spent);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task Run_WhenAnswersAreLost_StaysWithinItsBudget(int concurrency)
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = _ => Fault.ResetInBody;
        using var folder = new TeacherFolder();
        RunPlan plan = TeacherFixtures.Plan(50);
        long most = plan.Requests[0].PromptTokens + TeacherFixtures.Parameters.MaxTokens;
        RunResult result = await RunAsync(folder, server, time, plan,
            TeacherFixtures.Options(concurrency) with { Budget = new(null, 5 * most, null) });
        Assert.Equal((RunOutcome.Budget, 5), (result.Outcome, server.Requests.Count));
    }

    [Fact]
    public async Task Run_WhenNobodyListens_StopsAfterThreeTriesAndSaysSo()
    {
        var teacher = new ComingAndGoing(Enumerable.Range(0, 1000));
        RunResult result = await RunAsync(teacher, TeacherFixtures.Plan(50));
        Assert.Equal((RunOutcome.Failed, 3), (result.Outcome, teacher.Calls));
        Assert.Contains("the server cannot be reached: nobody listens", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WhenTheServerGoesAwayForAWhile_WaitsForIt()
    {
        var teacher = new ComingAndGoing(Enumerable.Range(2, 7));
        RunResult result = await RunAsync(teacher, TeacherFixtures.Plan(4));
        Assert.Equal((RunOutcome.Complete, 11), (result.Outcome, teacher.Calls));
    }

    [Fact]
    public async Task Run_WhenTheServerNeverAnswersRightly_StopsAfterSomeRows()
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        server.Faults = _ => Fault.Unavailable;
        using var folder = new TeacherFolder();
        RunResult result = await RunAsync(folder, server, time, TeacherFixtures.Plan(500), TeacherFixtures.Options(4, attempts: 3));
        Assert.Equal(RunOutcome.Failed, result.Outcome);
        Assert.InRange(server.Requests.Count, 60, 75);
    }

    [Fact]
    public async Task Run_WhenStopped_FinishesWhatIsInFlightAndNoMore()
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        using var stop = new CancellationTokenSource();
        server.Faults = number =>
        {
            if (number == 7) stop.Cancel();
            return Fault.None;
        };
        using var folder = new TeacherFolder();
        RunResult result = await RunAsync(folder, server, time, TeacherFixtures.Plan(500), TeacherFixtures.Options(4), stop: stop.Token);
        Assert.Equal(RunOutcome.Interrupted, result.Outcome);
        Assert.Equal(server.Requests.Count, TeacherFixtures.ReadJournal(folder.Path).Count(e => e.IsAnswer));
        Assert.InRange(server.Requests.Count, 8, 8 + 4);
    }

    [Fact]
    public async Task Run_WhenRowsAreAskedTheSame_SendsOneRequest()
    {
        var time = new VirtualTime();
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync(time);
        using var folder = new TeacherFolder();
        List<TeacherRow> rows = [.. TeacherFixtures.Rows(1), TeacherFixtures.Rows(1)[0] with { Id = "quiz/train/again" }];
        var plan = new RunPlan(rows, new SameRenderer(), "fake-1", TeacherFixtures.Parameters, 2);
        RunResult result = await RunAsync(folder, server, time, plan, TeacherFixtures.Options());
        Assert.Equal((2, 2, 1), (plan.Repeated, result.Last.Answered, server.Requests.Count));
    }

    internal static async Task<RunResult> RunAsync(TeacherFolder folder, FakeTeacherServer server, VirtualTime time, RunPlan plan, RunnerOptions options,
        string? key = null, CancellationToken stop = default)
    {
        using var teacher = TeacherFixtures.Client(server, time, key);
        var history = new RunHistory(plan);
        using var journal = Journal.Open(folder.Path, Durability.AtTheEnd, time, history.Add, _ => { });
        using var runner = new Runner(teacher, plan, history, journal, options, time);
        return await time.DriveAsync(Task.Run(() => runner.RunAsync(stop), CancellationToken.None), () => runner.Snapshot().InFlight == server.Hanging);
    }

    static async Task<RunResult> RunAsync(ITeacher teacher, RunPlan plan)
    {
        var time = new VirtualTime();
        using var folder = new TeacherFolder();
        var history = new RunHistory(plan);
        using var journal = Journal.Open(folder.Path, Durability.AtTheEnd, time, history.Add, _ => { });
        using var runner = new Runner(teacher, plan, history, journal, TeacherFixtures.Options(1), time);
        return await time.DriveAsync(Task.Run(() => runner.RunAsync(default), CancellationToken.None), () => true);
    }

    static void AssertSlidingMinutes(FakeTeacherServer server, int perMinute)
    {
        DateTimeOffset[] times = [.. server.Requests.Select(r => r.Time).Order()];
        for (int i = perMinute; i < times.Length; i++)
            Assert.True(times[i] - times[i - perMinute] >= TimeSpan.FromMinutes(1),
                $"requests {i - perMinute} to {i} came within {times[i] - times[i - perMinute]}");
    }

    /// <summary>Is there, but for some calls.</summary>
    sealed class ComingAndGoing(IEnumerable<int> away) : ITeacher
    {
        public int Calls { get; private set; }

        public Task<TeacherReply> AskAsync(TeacherRequest request, CancellationToken cancel) => Task.FromResult(away.Contains(Calls++)
            ? new TeacherReply { ErrorKind = TeacherErrorKind.Unreachable, Error = "nobody listens" }
            : new TeacherReply { Status = 200, Text = "It is. So the answer is yes." });
    }

    sealed class SameRenderer : IPromptRenderer
    {
        public string Sha256 => "00";

        public TeacherPrompt Render(TeacherRow row) => TeacherPrompt.Completion("Q: the same\nA:");
    }
}
