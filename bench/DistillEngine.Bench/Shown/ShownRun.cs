using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DistillEngine.Kernels;

namespace DistillEngine.Bench.Shown;

/// <summary>Runs suites one after another and writes their tables.</summary>
static class ShownRun
{
    /// <param name="suites">In this order.</param>
    /// <param name="output">Takes the tables, in Markdown.</param>
    /// <param name="progress">Is told of each suite.</param>
    /// <param name="folder">Where <c>shown-SUITE.md</c> and <c>.json</c> go, or null.</param>
    /// <param name="day">When, for the heads of the tables.</param>
    public static void Of(IReadOnlyList<ShownSuite> suites, ShownSizes sizes, TextWriter output, TextWriter progress, string? folder, DateOnly day)
    {
        foreach (ShownSuite suite in suites)
        {
            progress.WriteLine($"{suite.Name}: {suite.What}");
            long started = Stopwatch.GetTimestamp();
            ShownTable table = suite.Run(sizes);
            progress.WriteLine(FormattableString.Invariant($"{suite.Name}: {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s"));
            table.WriteMarkdown(output);
            if (folder is null) continue;
            string path = Record(suite, table, folder, Head(suite, sizes, day));
            progress.WriteLine($"Recorded {path}.md and .json");
        }
    }

    /// <summary>When, on what.</summary>
    static string Head(ShownSuite suite, ShownSizes sizes, DateOnly day)
    {
        using CpuBackend backend = CpuBackend.Open(1);
        string machine = suite.IsOfDevice ? sizes.RequireDevice().Describe() : $"{backend.Name}, {sizes.AllThreads} threads unless said";
        return string.Create(CultureInfo.InvariantCulture, $"{day:yyyy-MM-dd}, {machine}, .NET {Environment.Version}");
    }

    /// <returns>The path of both files, without their extensions.</returns>
    static string Record(ShownSuite suite, ShownTable table, string folder, string head)
    {
        string path = Path.Combine(folder, $"shown-{suite.Name}");
        var text = new StringWriter();
        table.WriteMarkdown(text);
        text.Write($"{head}.\n");
        File.WriteAllText($"{path}.md", text.ToString());
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("suite", suite.Name);
            writer.WriteString("machine", head);
            writer.WritePropertyName("rows");
            table.WriteJson(writer);
            writer.WriteStartArray("notes");
            foreach (string note in table.Notes) writer.WriteStringValue(note);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        File.WriteAllText($"{path}.json", Encoding.UTF8.GetString(json.ToArray()) + "\n");
        return path;
    }
}
