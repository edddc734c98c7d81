using System.Text.Json;
using DistillEngine.Teacher.Answers;
using DistillEngine.Teacher.Reports;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>What came of a run, for scripts.</summary>
static class RunJson
{
    /// <summary>Writes the member <c>results</c>, with the names that <c>manifest.json</c> uses, on one line.</summary>
    public static void Write(Utf8JsonWriter json, AnswerReport report)
    {
        using var results = JsonDocument.Parse(ManifestFile.ToJson(ManifestResults.Of(report)));
        json.WritePropertyName("results");
        results.RootElement.WriteTo(json);
    }
}
