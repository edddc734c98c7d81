using System.Text.Json;
using Xunit;

namespace DistillEngine.Tests.Teacher.Cli;

public class PlanVerbTests
{
    [Fact]
    public void Plan_WithPricesAndLimits_TellsCostAndTime()
    {
        using var folder = new TeacherFolder();
        string input = TeacherProgram.WriteQuestions(folder, 120);
        var (code, output, error) = TeacherProgram.Run("plan", "--task", "svamp", "--input", input, "--model", "m", "--price-in", "2", "--price-out", "8",
            "--rpm", "60", "--json");
        Assert.True(code == 0, error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement root = json.RootElement;
        Assert.Equal(120, root.GetProperty("requests").GetInt32());
        Assert.Equal(120.0, root.GetProperty("seconds").GetDouble());
        long read = root.GetProperty("promptTokens").GetInt64();
        double high = root.GetProperty("usd").GetProperty("high").GetDouble();
        Assert.Equal((read * 1.15 * 2 + root.GetProperty("answerTokens").GetProperty("high").GetInt64() * 8) / 1e6, high, 4);
        Assert.Contains("A box holds 0 red", root.GetProperty("prompts")[0].GetProperty("prompt").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nli")]
    [InlineData("mc")]
    [InlineData("math")]
    [InlineData("text")]
    public void Init_OfEveryKind_WritesWhatPlanTakes(string kind)
    {
        using var folder = new TeacherFolder();
        string task = folder.File("own");
        Assert.Equal(0, TeacherProgram.Run("init", "--task", kind, "--output", task).Code);
        var (code, output, error) =
            TeacherProgram.Run("plan", "--task", Path.Combine(task, "task.json"), "--input", Path.Combine(task, "questions.jsonl"), "--model", "m");
        Assert.True(code == 0, error);
        Assert.Contains("requests", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run", "--task", "svamp")]
    [InlineData("run", "--task", "svamp", "--input", "x", "--output", "y", "--model", "m")]
    [InlineData("plan", "--task", "svamp", "--input", "x", "--model", "m", "--samples", "0")]
    [InlineData("init", "--task", "poem", "--output", "x")]
    public void CommandLine_WhenItIsWrong_SaysSoWithItsOwnCode(params string[] args)
    {
        var (code, output, error) = TeacherProgram.Run(args);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("distill-teacher: ", error, StringComparison.Ordinal);
    }
}
