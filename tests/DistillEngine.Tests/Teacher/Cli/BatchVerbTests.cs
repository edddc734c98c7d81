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

    [Fact]
    public void Import_OfARunOfTheFirstRows_IsCompleteWithThem()
    {
        using var folder = new TeacherFolder();
        string run = folder.File("run");
        TeacherProgram.Run("export-batch", "--task", "svamp", "--input", TeacherProgram.WriteQuestions(folder, 8), "--output", run, "--model", "fake-1",
            "--rows", "3");
        string[] requests = File.ReadAllLines(Path.Combine(run, "batch", "requests-0001.jsonl"));
        Assert.Equal(3, requests.Length);
        File.WriteAllLines(folder.File("out.jsonl"), requests[..2].Select(line => Answer(line, isChat: false)));
        Assert.Equal(6, TeacherProgram.Run("import-batch", run, folder.File("out.jsonl")).Code);
        File.WriteAllLines(folder.File("out.jsonl"), requests.Select(line => Answer(line, isChat: false)));
        Assert.Equal(0, TeacherProgram.Run("import-batch", run, folder.File("out.jsonl")).Code);
    }

    [Theory]
    [InlineData("""{"id":"b1","custom_id":"KEY","response":{"status_code":500,"request_id":"r1","body":{"error":{"message":"oh"} } },"error":null}""")]
    [InlineData("""{"id":"b1","custom_id":"KEY","response":null,"error":{"code":"batch_expired","message":"late"} }""")]
    public void Import_OfTheSameErrorAgain_ChangesNothing(string template)
    {
        using var folder = new TeacherFolder();
        string run = folder.File("run");
        TeacherProgram.Run("export-batch", "--task", "svamp", "--input", TeacherProgram.WriteQuestions(folder, 1), "--output", run, "--model", "fake-1");
        string key = (string)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "batch", "requests-0001.jsonl")))!["custom_id"]!;
        string line = template.Replace("KEY", key, StringComparison.Ordinal);
        File.WriteAllLines(folder.File("errors.jsonl"), [line, line]);
        Assert.Equal((1, 1), Import());
        Assert.Equal((2, 0), Import());
        Assert.Single(TeacherFixtures.ReadJournal(run));
        // Another batch that fails alike is another attempt.
        File.WriteAllLines(folder.File("errors.jsonl"), [line.Replace("b1", "b2", StringComparison.Ordinal).Replace("r1", "r2", StringComparison.Ordinal)]);
        Assert.Equal((0, 1), Import());

        (int Repeated, int Failed) Import()
        {
            using JsonDocument json = JsonDocument.Parse(TeacherProgram.Run("import-batch", run, folder.File("errors.jsonl"), "--json").Output);
            return (json.RootElement.GetProperty("repeated").GetInt32(), json.RootElement.GetProperty("failed").GetInt32());
        }
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
