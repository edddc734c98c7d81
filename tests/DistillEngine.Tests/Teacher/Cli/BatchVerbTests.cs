using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace DistillEngine.Tests.Teacher.Cli;

public class BatchVerbTests
{
    [Theory]
    [InlineData("completions")]
    [InlineData("chat")]
    public void Import_OfRepeatedReorderedAndFailedLines_MatchesThemByTheirId(string api)
    {
        using var folder = new TeacherFolder();
        string input = TeacherProgram.WriteQuestions(folder, 8), run = folder.File("run");
        string[] export = ["export-batch", "--task", "svamp", "--input", input, "--output", run, "--model", "fake-1", "--api", api];
        Assert.Equal(0, TeacherProgram.Run(export).Code);
        string[] requests = File.ReadAllLines(Path.Combine(run, "batch", "requests-0001.jsonl"));
        Assert.Equal(8, requests.Length);

        List<string> answers = [.. requests.Select(line => Answer(line, api == "chat")).Reverse()];
        string failed = answers[3];
        answers[3] =
            $$"""{"id":"b","custom_id":"{{JsonNode.Parse(failed)!["custom_id"]}}","response":"""
            + """{"status_code":500,"request_id":"r","body":{"error":{"message":"oh"} } },"error":null}""";
        answers.Add(answers[0]);
        answers.Add("""{"id":"b","custom_id":"somebody-elses","response":null,"error":null}""");
        answers.Add("{\"id\":\"torn");
        File.WriteAllLines(folder.File("out.jsonl"), answers);
        var (code, output, error) = TeacherProgram.Run("import-batch", run, folder.File("out.jsonl"), "--json");
        Assert.True(code == 6, error);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal([11, 7, 1, 1, 1, 1],
            ((string[])["lines", "imported", "repeated", "unknown", "failed", "damaged"]).Select(name => json.RootElement.GetProperty(name).GetInt32()));

        Assert.Equal(0, TeacherProgram.Run(export).Code);
        Assert.Single(File.ReadAllLines(Path.Combine(run, "batch", "requests-0001.jsonl")));
        File.WriteAllLines(folder.File("rest.jsonl"), [failed]);
        Assert.Equal(0, TeacherProgram.Run("import-batch", run, folder.File("rest.jsonl")).Code);
        Assert.Equal(8, TeacherFixtures.ReadJournal(run).Count(e => e.IsAnswer));
    }

    static string Answer(string request, bool isChat)
    {
        JsonNode line = JsonNode.Parse(request)!;
        string prompt = isChat ? (string)line["body"]!["messages"]!.AsArray()[^1]!["content"]! : (string)line["body"]!["prompt"]!;
        Assert.Equal(isChat ? "/v1/chat/completions" : "/v1/completions", (string)line["url"]!);
        string text = JsonSerializer.Serialize(TeacherProgram.Solve(prompt));
        string choice = isChat
            ? $$"""{"index":0,"message":{"role":"assistant","content":{{text}} },"finish_reason":"stop"}"""
            : $$"""{"index":0,"text":{{text}},"finish_reason":"stop"}""";
        return $$"""{"id":"b","custom_id":"{{line["custom_id"]}}","response":"""
            + $$"""{"status_code":200,"request_id":"r","body":{"model":"m","choices":[{{choice}}]} },"error":null}""";
    }
}
