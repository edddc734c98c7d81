using System.Diagnostics;
using System.Text.RegularExpressions;
using DistillEngine.Teacher;
using Xunit;

namespace DistillEngine.Tests.Teacher.Cli;

public partial class KilledRunTests
{
    const int Rows = 600;
    const int Kills = 50;
    const int Concurrency = 4;

    [Fact]
    public async Task Run_WhenKilledFiftyTimes_LosesNothingAndPaysTwiceOnlyWhatWasInFlight()
    {
        var random = new Random(20260101);
        await using FakeTeacherServer server = await FakeTeacherServer.StartAsync();
        server.Answer = TeacherProgram.Solve;
        using var folder = new TeacherFolder();
        string input = TeacherProgram.WriteQuestions(folder, Rows);
        string[] broken = TeacherProgram.RunArguments(server, input, folder.File("broken/run"), "--concurrency", $"{Concurrency}");
        for (int kill = 0; kill < Kills; kill++)
        {
            using Process process = TeacherProgram.Start(broken);
            // Most are hit in the middle of the work, wherever that is; some while they start.
            int until = server.Requests.Count + random.Next(1, 2 * Rows / Kills);
            TimeSpan limit = kill % 5 == 0 ? TimeSpan.FromMilliseconds(random.Next(20, 400)) : TimeSpan.FromSeconds(30);
            long start = Stopwatch.GetTimestamp();
            while (server.Requests.Count < until && Stopwatch.GetElapsedTime(start) < limit && !process.HasExited)
                await Task.Delay(1, TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.Equal(0, TeacherProgram.Run(broken).Code);
        Assert.Equal(0, TeacherProgram.Run(TeacherProgram.RunArguments(server, input, folder.File("whole/run"))).Code);

        List<JournalEntry> journal = TeacherFixtures.ReadJournal(folder.File("broken/run"));
        Assert.Equal(Rows, journal.Count);
        Assert.Equal(Rows, journal.Select(e => e.Key).Distinct().Count());
        Assert.InRange(server.Requests.Count, 2 * Rows, 2 * Rows + Kills * Concurrency);
        Assert.Equal(Comparable(folder.File("whole/run/rationales.jsonl")), Comparable(folder.File("broken/run/rationales.jsonl")));
    }

    static string Comparable(string path) => Created().Replace(File.ReadAllText(path), "");

    [GeneratedRegex("\"created\":\"[^\"]*\"")]
    private static partial Regex Created();
}
