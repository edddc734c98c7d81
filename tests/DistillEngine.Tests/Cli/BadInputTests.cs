using Xunit;

namespace DistillEngine.Tests.Cli;

/// <summary>What a user sees of a file that cannot be used: one line that names it and says why, exit code 3, and nothing written.</summary>
public class BadInputTests(TrainedTask trained) : IClassFixture<TrainedTask>
{
    // A line of a rationale file may take 64 MiB, in a buffer that doubles; everything else stays far below.
    const long AllocationBound = 64 << 20, LineBound = 300 << 20;

    static readonly Dictionary<string, BadInput> Cases = BadModels.All.Concat(BadData.All).ToDictionary(c => c.Description);

    public static TheoryData<string> Descriptions => [.. Cases.Keys];

    [Theory, MemberData(nameof(Descriptions))]
    public void Run_OnABadFile_NamesItAndWritesNothing(string description)
    {
        BadInput bad = Cases[description];
        Assert.Equal(0, trained.Training.Code);
        using var workspace = new Workspace(trained.Task.Folder);
        bad.Damage(workspace);
        string[] before = workspace.Files;
        string[] arguments = [.. bad.Arguments.Select(a => a.StartsWith('@') ? workspace[a[1..]] : a)];
        long start = GC.GetAllocatedBytesForCurrentThread();
        CliResult result = CliResult.Of(arguments);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - start;
        Assert.True(result.Code == 3, result.ToString());
        Assert.Contains(bad.File.Length == 0 ? "" : workspace[bad.File], result.Error, StringComparison.Ordinal);
        Assert.Contains(bad.Reason, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", result.Error, StringComparison.Ordinal);
        Assert.InRange(result.ErrorLines.Length, 1, 12);
        Assert.All(result.ErrorLines, line => Assert.InRange(line.Length, 1, 700));
        Assert.Equal(before, workspace.Files);
        Assert.InRange(allocated, 0, description.StartsWith("line without end", StringComparison.Ordinal) ? LineBound : AllocationBound);
    }

    [Fact]
    public void Cases_AreMany() => Assert.InRange(Cases.Count, 60, int.MaxValue);

    [Fact]
    public void Run_OnTheUndamagedFiles_Succeeds()
    {
        using var workspace = new Workspace(trained.Task.Folder);
        foreach (string[] call in (string[][])[BadInput.Inspect, BadInput.Train, BadInput.Validate, BadInput.Stats, BadInput.Evaluate, BadInput.Predict])
        {
            CliResult result = CliResult.Of([.. call.Select(a => a.StartsWith('@') ? workspace[a[1..]] : a)]);
            Assert.True(result.Code == 0, result.ToString());
        }
    }
}
