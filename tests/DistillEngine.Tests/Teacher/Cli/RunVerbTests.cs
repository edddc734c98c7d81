using System.Globalization;
using System.Text.Json;
using DistillEngine.Data.Rationales;
using DistillEngine.Teacher.Runs;
using Xunit;

namespace DistillEngine.Tests.Teacher.Cli;

public class RunVerbTests
{
    [Fact]
    public async Task Run_WhenAllIsWell_WritesFilesThatTheTrainerReads()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        var (code, output, error) = Run(server, folder, 20);
        Assert.True(code == 0, error);
        Assert.Contains("20 answered", output, StringComparison.Ordinal);
        List<RationaleRow> rows = RationaleReader.ReadAll(folder.File("run/rationales.jsonl"));
        Assert.All(rows, row => Assert.Equal(RationaleStatus.Ok, row.Status));
        Assert.Equal("( 3.0 + 3.0 )", rows[3].Label);
        Assert.True(File.Exists(folder.File("run/manifest.json")));
    }

    [Fact]
    public async Task Run_WhenStartedAgain_AsksNothing()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        Run(server, folder, 10);
        byte[] before = File.ReadAllBytes(folder.File("run/rationales.jsonl"));
        var (code, _, error) = Run(server, folder, 10);
        Assert.True(code == 0, error);
        Assert.Equal(10, server.Requests.Count);
        Assert.Equal(before, File.ReadAllBytes(folder.File("run/rationales.jsonl")));
    }

    [Theory]
    [InlineData("model", "--model", "other")]
    [InlineData("samples", "--samples", "2")]
    [InlineData("parameters", "--max-tokens", "33")]
    [InlineData("api", "--api", "chat")]
    public async Task Run_WhenSettingsDiffer_RefusesAndSaysWhich(string what, string option, string value)
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        Run(server, folder, 3);
        string[] args = TeacherProgram.RunArguments(server, folder.File("sums.jsonl"), folder.File("run"));
        args = option == "--model" ? [.. args[..^1], value] : [.. args, option, value];
        var (code, _, error) = TeacherProgram.Run(args);
        Assert.Equal(3, code);
        Assert.Contains(what, error, StringComparison.Ordinal);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task Run_WhenAnotherProcessWorksInTheFolder_IsRefused()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        using RunLock held = RunLock.Take(folder.File("run"));
        var (code, _, error) = Run(server, folder, 3);
        Assert.Equal(1, code);
        Assert.Contains("another process", error, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("--budget-requests", 1e0, 0, 1)]
    [InlineData("--budget-tokens", 1e0, 20, 1)]
    [InlineData("--budget-tokens", 1e0, 20, 8)]
    [InlineData("--budget-usd", 1e-6, 20, 1)]
    [InlineData("--budget-usd", 1e-6, 20, 8)]
    public async Task Run_WhenTheBudgetIsReached_StopsBeforeItAndGoesOnWithMore(string option, double unit, int written, int concurrency)
    {
        const int sent = 7, slack = 15;
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        TeacherProgram.WriteQuestions(folder, 30);
        server.PromptTokens = (int)(Prompts(folder) / 30);
        // The fake teacher writes 20 tokens where 25 are allowed: the slack is enough for what the last request may take, and for no other.
        double limit = (written == 0 ? sent : sent * (server.PromptTokens + written) + slack) * unit;
        var (code, _, error) = Run(server, folder, 30, option, limit.ToString("0.#######", CultureInfo.InvariantCulture), "--price-in", "1", "--price-out", "1",
            "--concurrency", $"{concurrency}", "--max-tokens", "25");
        Assert.True(code == 4, error);
        Assert.Equal(sent, server.Requests.Count);
        Assert.Equal(server.Requests.Count, TeacherFixtures.ReadJournal(folder.File("run")).Count);
        Assert.Equal(0, Run(server, folder, 30, "--max-tokens", "25").Code);
        Assert.Equal(30, server.Requests.Count);
    }

    [Theory]
    [InlineData(2, "--budget-usd needs", "--base-url", "http://127.0.0.1:1/v1", "--budget-usd", "1")]
    [InlineData(3, "no such key file", "--base-url", "http://127.0.0.1:1/v1", "--key-file", "missing")]
    [InlineData(3, "no such file", "--replay", "missing.jsonl")]
    public void Run_WhenItsOptionsCannotWork_LeavesNoRunBehind(int expected, string problem, params string[] options)
    {
        using var folder = new TeacherFolder();
        var (code, _, error) = TeacherProgram.Run(["run", "--task", "svamp", "--input", TeacherProgram.WriteQuestions(folder, 3), "--output",
            folder.File("run"), "--model", "m", .. options]);
        Assert.Equal(expected, code);
        Assert.Contains(problem, error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("run/manifest.json")));
    }

    [Fact]
    public async Task Run_WhenAnswersDoNotParse_StopsEarlyWithItsOwnCode()
    {
        await using FakeTeacherServer server = await StartAsync();
        server.Answer = _ => "I would rather talk about the weather.";
        using var folder = new TeacherFolder();
        var (code, _, error) = Run(server, folder, 300, "--concurrency", "2");
        Assert.Equal(5, code);
        Assert.Contains("do not parse", error, StringComparison.Ordinal);
        Assert.InRange(server.Requests.Count, 50, 60);
    }

    [Fact]
    public async Task Run_WhenSomeRowsGetNoAnswer_SaysSoWithItsOwnCode()
    {
        await using FakeTeacherServer server = await StartAsync();
        server.Faults = number => number == 2 ? Fault.TooLong : Fault.None;
        using var folder = new TeacherFolder();
        var (code, output, _) = Run(server, folder, 5, "--json");
        Assert.Equal(6, code);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(("partial", 4), (json.RootElement.GetProperty("outcome").GetString(), json.RootElement.GetProperty("answered").GetInt32()));
    }

    [Fact]
    public async Task Run_WhenTheUserStopsIt_KeepsWhatIsPaidAndExitsSo()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var stop = new CancellationTokenSource();
        server.Faults = number =>
        {
            if (number == 5) stop.Cancel();
            return Fault.None;
        };
        using var folder = new TeacherFolder();
        var (code, _, _) = TeacherProgram.Run(stop.Token,
            TeacherProgram.RunArguments(server, TeacherProgram.WriteQuestions(folder, 400), folder.File("run"), "--concurrency", "2"));
        Assert.Equal(130, code);
        Assert.Equal(server.Requests.Count, TeacherFixtures.ReadJournal(folder.File("run")).Count);
    }

    [Fact]
    public async Task Run_WithAKeyFile_SendsTheKeyAndWritesItNowhere()
    {
        const string key = "sk-test-4711-do-not-show";
        await using FakeTeacherServer server = await StartAsync();
        server.Faults = number => number == 1 ? Fault.WrongKey : Fault.None;
        using var folder = new TeacherFolder();
        File.WriteAllText(folder.File("key"), key + "\n");
        var (_, output, error) = Run(server, folder, 4, "--key-file", folder.File("key"), "--concurrency", "1");
        Assert.Equal($"Bearer {key}", server.Requests.First().Authorization);
        Assert.DoesNotContain(key, output + error, StringComparison.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder.File("run"), "*", SearchOption.AllDirectories))
            Assert.DoesNotContain(key, File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replay_OfAJournal_GivesTheSameRationales()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        Run(server, folder, 6);
        var (code, _, error) =
            TeacherProgram.Run("run", "--task", "svamp", "--input", folder.File("sums.jsonl"), "--output", folder.File("again"), "--model", "fake-1",
            "--replay", folder.File("run/journal.jsonl"));
        Assert.True(code == 0, error);
        Assert.Equal(6, server.Requests.Count);
        Assert.Equal(RationaleReader.ReadAll(folder.File("run/rationales.jsonl")).Select(r => r.Rationale),
            RationaleReader.ReadAll(folder.File("again/rationales.jsonl")).Select(r => r.Rationale));
    }

    [Fact]
    public async Task Status_AndReport_SpeakOfTheRun()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        Run(server, folder, 6);
        var (_, status, _) = TeacherProgram.Run("status", folder.File("run"), "--json");
        using JsonDocument json = JsonDocument.Parse(status);
        Assert.Equal((6, 6, false), (json.RootElement.GetProperty("requests").GetInt32(), json.RootElement.GetProperty("answered").GetInt32(),
            json.RootElement.GetProperty("isRunning").GetBoolean()));
        using (RunLock.Take(folder.File("run")))
            Assert.Contains("going on", TeacherProgram.Run("status", folder.File("run")).Output, StringComparison.Ordinal);
        var (code, report, error) = TeacherProgram.Run("report", folder.File("run"));
        Assert.True(code == 0, error);
        Assert.Contains("accuracy", report, StringComparison.Ordinal);
        Assert.Equal(0, TeacherProgram.Run("parse", folder.File("run")).Code);
    }

    [Fact]
    public async Task Parse_ByOtherRules_NotesThemAndRunKeepsThem()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        Run(server, folder, 6);
        Assert.Equal(0, TeacherProgram.Run("parse", folder.File("run"), "--on-ambiguous", "first", "--parser", "published").Code);
        Assert.Equal(("published", "first"), Rules());
        Assert.Equal(0, Run(server, folder, 6).Code);
        Assert.Equal(("published", "first"), Rules());
        Assert.Equal(0, TeacherProgram.Run("parse", folder.File("run")).Code);
        Assert.Equal(("task", null), Rules());

        (string?, string?) Rules()
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(folder.File("run/manifest.json")));
            return (json.RootElement.GetProperty("parser").GetString(), json.RootElement.GetProperty("on_ambiguous").GetString());
        }
    }

    [Fact]
    public async Task Parse_AfterAChangeOfTheTask_TakesChangedRulesAndRefusesAChangedPrompt()
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        TeacherProgram.Run("init", "--task", "math", "--output", folder.File("own"));
        string task = folder.File("own/task.json"), text = File.ReadAllText(task).Replace("\"id\": \"id\"", "\"id\": null", StringComparison.Ordinal);
        File.WriteAllText(task, text);
        string[] run = ["run", "--task", task, "--input", TeacherProgram.WriteQuestions(folder, 6, "question", "equation"), "--output", folder.File("run"),
            "--base-url", server.BaseUrl, "--model", "m"];
        Assert.Equal(0, TeacherProgram.Run(run).Code);

        File.WriteAllText(task, text.Replace("\"the answer is\"", "\"the answer is\", \"it is\"", StringComparison.Ordinal));
        var (code, _, error) = TeacherProgram.Run(run);
        Assert.Equal(3, code);
        Assert.Contains("distill-teacher parse", error, StringComparison.Ordinal);
        Assert.Equal(0, TeacherProgram.Run("parse", folder.File("run")).Code);
        Assert.Equal(0, TeacherProgram.Run(run).Code);
        Assert.Equal(6, server.Requests.Count);

        File.WriteAllText(task, text.Replace("\"instructions\": \"", "\"instructions\": \"Be brief. ", StringComparison.Ordinal));
        (code, _, error) = TeacherProgram.Run("parse", folder.File("run"));
        Assert.Equal(3, code);
        Assert.Contains("the prompt is not the one", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"input\": \"", "\"input\": \"Task: ")]
    [InlineData("\"question\": \"question\"", "\"question\": \"equation\"")]
    public async Task Parse_AfterAChangeOfTheColumns_KeepsTheRationalesAndSaysWhy(string before, string now)
    {
        await using FakeTeacherServer server = await StartAsync();
        using var folder = new TeacherFolder();
        TeacherProgram.Run("init", "--task", "math", "--output", folder.File("own"));
        string task = folder.File("own/task.json"), text = File.ReadAllText(task).Replace("\"id\": \"id\"", "\"id\": null", StringComparison.Ordinal);
        File.WriteAllText(task, text);
        Assert.Equal(0, TeacherProgram.Run("run", "--task", task, "--input", TeacherProgram.WriteQuestions(folder, 6, "question", "equation"), "--output",
            folder.File("run"), "--base-url", server.BaseUrl, "--model", "m").Code);
        byte[] rationales = File.ReadAllBytes(folder.File("run/rationales.jsonl"));
        Assert.Contains(before, text, StringComparison.Ordinal);
        File.WriteAllText(task, text.Replace(before, now, StringComparison.Ordinal));
        foreach (string verb in (string[])["parse", "report", "parse"])
        {
            var (code, _, error) = TeacherProgram.Run(verb, folder.File("run"));
            Assert.Equal(3, code);
            Assert.Contains("6 of the journal's 6 answers", error, StringComparison.Ordinal);
            Assert.Equal(rationales, File.ReadAllBytes(folder.File("run/rationales.jsonl")));
        }
        File.WriteAllText(task, text);
        Assert.Equal(0, TeacherProgram.Run("parse", folder.File("run")).Code);
        Assert.Equal(rationales, File.ReadAllBytes(folder.File("run/rationales.jsonl")));
    }

    [Theory]
    [InlineData(Fault.None, 0)]
    [InlineData(Fault.NoUsage, 6)]
    public async Task StatusAndReport_WhereTheServerCountsNothing_EstimateAndSaySo(Fault fault, int estimated)
    {
        await using FakeTeacherServer server = await StartAsync();
        server.Faults = _ => fault;
        using var folder = new TeacherFolder();
        Run(server, folder, 6, "--price-in", "1", "--price-out", "1");
        long prompts = fault == Fault.None ? 6 * 40 : Prompts(folder);
        using JsonDocument status = JsonDocument.Parse(TeacherProgram.Run("status", folder.File("run"), "--json").Output);
        using JsonDocument report = JsonDocument.Parse(TeacherProgram.Run("report", folder.File("run"), "--json").Output);
        JsonElement results = report.RootElement.GetProperty("results");
        Assert.Equal((estimated, prompts), (status.RootElement.GetProperty("estimatedAttempts").GetInt32(),
            status.RootElement.GetProperty("inputTokens").GetInt64()));
        Assert.Equal((estimated, prompts), (results.GetProperty("estimated_attempts").GetInt32(), results.GetProperty("input_tokens").GetInt64()));
        Assert.Equal(status.RootElement.GetProperty("usd").GetDouble(), results.GetProperty("spent_usd").GetDouble(), 9);
        foreach (string verb in (string[])["status", "report"])
            Assert.Equal(estimated > 0, TeacherProgram.Run(verb, folder.File("run")).Output.Contains("estimated for 6 attempts", StringComparison.Ordinal));
    }

    static long Prompts(TeacherFolder folder)
    {
        using JsonDocument plan = JsonDocument.Parse(
            TeacherProgram.Run("plan", "--task", "svamp", "--input", folder.File("sums.jsonl"), "--model", "m", "--json").Output);
        return plan.RootElement.GetProperty("promptTokens").GetInt64();
    }

    static async Task<FakeTeacherServer> StartAsync()
    {
        FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.Answer = TeacherProgram.Solve;
        return server;
    }

    static (int Code, string Output, string Error) Run(FakeTeacherServer server, TeacherFolder folder, int rows, params string[] more) =>
        TeacherProgram.Run(TeacherProgram.RunArguments(server, TeacherProgram.WriteQuestions(folder, rows), folder.File("run"), more));
}
