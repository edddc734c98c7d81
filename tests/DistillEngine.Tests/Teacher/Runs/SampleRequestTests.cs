using System.Text.Json;
using DistillEngine.Teacher;
using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Runs;

/// <summary>Several samples of a row in one request, with servers that give as many, fewer, one or none.</summary>
public class SampleRequestTests
{
    const int Rows = 6;
    const int Samples = 5;

    [Theory]
    [InlineData(5, Rows, 5)]
    [InlineData(2, Rows * 3, 5)]
    [InlineData(1, Rows * Samples, 5)]
    [InlineData(0, Rows * Samples + 1, 5)]
    [InlineData(5, Rows * 3, 2)]
    [InlineData(5, Rows * Samples, 1)]
    public async Task Run_OfSeveralSamples_JournalsEachUnderItsOwnKeyWhateverTheServerGives(int given, int requests, int asked)
    {
        using var folder = new TeacherFolder();
        await using FakeTeacherServer server = await StartAsync(given);
        RunResult result = await RunAsync(folder, server, TeacherFixtures.Options(1) with { SamplesARequest = asked });

        Assert.Equal((RunOutcome.Complete, Rows * Samples), (result.Outcome, result.Last.Answered));
        Assert.Equal(requests, server.Requests.Count);
        List<JournalEntry> journal = [.. TeacherFixtures.ReadJournal(folder.Path).Where(e => e.IsAnswer)];
        Assert.Equal(TeacherFixtures.Plan(Rows, Samples).Requests.Select(r => r.Key).Order(), journal.Select(e => e.Key).Order());
        // A sample has the seed it would have had alone, so that runs repeat however their samples are asked for.
        Assert.All(journal, entry => Assert.StartsWith($"Seed {entry.Sample + TeacherFixtures.Parameters.Seed}. ", entry.Text, StringComparison.Ordinal));
        Assert.Equal(server.Requests.Count, result.Last.Spent.Requests);
        Assert.Equal((40 * (requests - (given == 0 ? 1 : 0)), 20 * Rows * Samples), (result.Last.Spent.InputTokens, result.Last.Spent.OutputTokens));
    }

    [Fact]
    public async Task Run_WhenTheServerFailsForSeveralSamplesOnly_AsksForEachAlone()
    {
        using var folder = new TeacherFolder();
        await using FakeTeacherServer server = await StartAsync(Samples);
        server.FaultOf = body => Count(body) > 1 ? Fault.ServerError : Fault.None;
        RunResult result = await RunAsync(folder, server, TeacherFixtures.Options(1));
        Assert.Equal(RunOutcome.Complete, result.Outcome);
        Assert.Equal(Rows * Samples + 3, server.Requests.Count);
    }

    [Fact]
    public async Task Run_WhenTheModelWantsAnotherNameForTheLimit_StillAsksForSamplesTogether()
    {
        using var folder = new TeacherFolder();
        await using FakeTeacherServer server = await StartAsync(Samples);
        server.FaultOf = body =>
            System.Text.Encoding.UTF8.GetString(body).Contains("max_completion_tokens", StringComparison.Ordinal) ? Fault.None : Fault.WantsMaxCompletionTokens;
        RunResult result = await RunAsync(folder, server, TeacherFixtures.Options(1));
        Assert.Equal(RunOutcome.Complete, result.Outcome);
        Assert.Equal(1 + Rows, server.Requests.Count);
        Assert.All(server.Requests, request => Assert.Equal(Samples, Count(request.Body)));
    }

    [Fact]
    public async Task Run_WhenARowIsRefused_StillAsksForTheSamplesOfOthersTogether()
    {
        using var folder = new TeacherFolder();
        await using FakeTeacherServer server = await StartAsync(Samples);
        server.Faults = number => number < 2 ? Fault.TooLong : Fault.None;
        RunResult result = await RunAsync(folder, server, TeacherFixtures.Options(1));
        Assert.Equal((RunOutcome.Partial, Samples), (result.Outcome, result.Last.GivenUp));
        Assert.Equal(2 + (Rows - 1), server.Requests.Count);
    }

    [Fact]
    public async Task Run_WhenSomeSamplesAreAnswered_AsksForTheOthersAlone()
    {
        using var folder = new TeacherFolder();
        await using FakeTeacherServer server = await StartAsync(Samples);
        await RunAsync(folder, server, TeacherFixtures.Options(1));
        List<JournalEntry> whole = TeacherFixtures.ReadJournal(folder.Path);
        using var broken = new TeacherFolder();
        using (Journal journal = Journal.Open(broken.Path, Durability.AtTheEnd, TimeProvider.System, _ => { }, _ => { }))
            journal.Append([.. whole.Where(e => e.Sample is 1 || e.Id.EndsWith("/0", StringComparison.Ordinal))]);
        server.Requests.Clear();
        await RunAsync(broken, server, TeacherFixtures.Options(1));
        Assert.Equal([1, 3], server.Requests.Select(r => Count(r.Body)).Distinct().Order());
        Assert.Equal(2 * (Rows - 1), server.Requests.Count);
        Assert.Equal(whole.Select(e => (e.Key, e.Text)).Order(), TeacherFixtures.ReadJournal(broken.Path).Select(e => (e.Key, e.Text)).Order());
    }

    [Fact]
    public async Task Run_WhenThereIsNoUsage_CountsThePromptOnce()
    {
        using var folder = new TeacherFolder();
        await using FakeTeacherServer server = await StartAsync(Samples);
        server.Faults = _ => Fault.NoUsage;
        RunResult result = await RunAsync(folder, server, TeacherFixtures.Options(1));
        RunPlan plan = TeacherFixtures.Plan(Rows, Samples);
        Assert.Equal(plan.PromptTokens / Samples, result.Last.Spent.InputTokens);
        var again = new RunHistory(plan);
        foreach (JournalEntry entry in TeacherFixtures.ReadJournal(folder.Path)) again.Add(entry);
        Assert.Equal((result.Last.Spent, (long)Rows * Samples), (again.Spent, again.Answers));
    }

    [Fact]
    public void Of_SeveralAnswers_SharesOutWhatWasWritten()
    {
        var request = new TeacherRequest("quiz/train/0", 2, "fake-1", TeacherPrompt.Completion("Q:"), TeacherFixtures.Parameters, 3);
        var reply = new TeacherReply
        {
            Status = 200, Text = "one", Usage = new(50, 101, 7), Further = [new("one two three four", null, "length"), new("", "hm", null)],
        };
        IReadOnlyList<JournalEntry> entries = JournalEntry.Of(request, reply, 1, default);
        Assert.Equal([2, 3, 4], entries.Select(e => e.Sample));
        Assert.Equal([0, 1, 2], entries.Select(e => e.Choice));
        Assert.Equal(entries.Select(e => new TeacherRequest("x", e.Sample, "fake-1", TeacherPrompt.Completion("Q:"), TeacherFixtures.Parameters).Key),
            entries.Select(e => e.Key));
        Assert.Equal((50, 101, 7), (entries.Sum(e => e.Usage!.Input), entries.Sum(e => e.Usage!.Output), entries.Sum(e => e.Usage!.Cached)));
        Assert.True(entries[1].Usage!.Output > entries[0].Usage!.Output);
        Assert.All(entries, entry => Assert.Null(entry.Estimated));
        Assert.Equal("length", entries[1].Finish);
    }

    static int Count(byte[] body)
    {
        using JsonDocument json = JsonDocument.Parse(body);
        return json.RootElement.TryGetProperty("n", out JsonElement n) ? n.GetInt32() : 1;
    }

    static async Task<FakeTeacherServer> StartAsync(int given)
    {
        FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.ShowsSeeds = true;
        server.Given = asked => Math.Min(asked, given);
        return server;
    }

    static Task<RunResult> RunAsync(TeacherFolder folder, FakeTeacherServer server, RunnerOptions options) =>
        RunnerFaultTests.RunAsync(folder, server, new VirtualTime(), TeacherFixtures.Plan(Rows, Samples), options);
}
