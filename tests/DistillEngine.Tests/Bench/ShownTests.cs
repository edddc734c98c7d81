using System.Text.Json;
using DistillEngine.Bench.Shown;
using Xunit;

namespace DistillEngine.Tests.Bench;

/// <summary>The suites of published rows run, at sizes that say nothing about speed.</summary>
public sealed class ShownTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("distill-shown-").FullName;

    /// <summary>All but the second model's steps, which are the first one's code.</summary>
    public static TheoryData<string> Suites => [.. ShownSuite.All.Select(suite => suite.Name).Where(name => name != "step-base")];

    [Theory]
    [MemberData(nameof(Suites))]
    public void Run_AtTinySizes_WritesATableAndItsJson(string name)
    {
        var output = new StringWriter();
        ShownRun.Of([ShownSuite.Find(name)!], ShownSizes.Tiny, output, TextWriter.Null, _folder, new DateOnly(2026, 1, 2));
        string table = File.ReadAllText(Path.Combine(_folder, $"shown-{name}.md"));
        Assert.StartsWith(output.ToString(), table);
        Assert.Contains("2026-01-02", table);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, $"shown-{name}.json")));
        JsonElement[] rows = [.. json.RootElement.GetProperty("rows").EnumerateArray()];
        Assert.NotEmpty(rows);
        // A head, a rule and a row each.
        Assert.Equal(rows.Length + 2, output.ToString().Split('\n').Count(line => line.StartsWith('|')));
        // Resident memory alone may be unknown.
        Assert.All(rows.SelectMany(row => row.EnumerateObject()), field =>
            Assert.True(field.Value.ValueKind != JsonValueKind.Null || field.Name is "peakRssMb" or "attentionBytes" or "attentionGrowth",
                $"{field.Name} of {name}"));
    }

    [Fact]
    public void Allocations_OfAStepAndAToken_AreNone()
    {
        ShownTable table = ShownSuite.Find("allocations")!.Run(ShownSizes.Tiny);
        Assert.All(table.Rows, row => Assert.Equal(0.0, row[1]));
    }

    [Fact]
    public void Of_Works_TimesEachTurn()
    {
        int first = 0, second = 0;
        double[][] times = Turns.Of(3, () => first++, () => second++);
        Assert.Equal([3, 3], times.Select(t => t.Length));
        Assert.True(first >= 5 && second >= 5);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
