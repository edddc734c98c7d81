using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using DistillEngine.Teacher.Cli;

namespace DistillEngine.Tests.Teacher.Cli;

/// <summary>Runs <c>distill-teacher</c>, within the test's process or in one of its own, on word problems.</summary>
static partial class TeacherProgram
{
    public static (int Code, string Output, string Error) Run(params string[] args) => Run(CancellationToken.None, args);

    public static (int Code, string Output, string Error) Run(CancellationToken cancel, params string[] args)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        int code = CommandLine.Run(args, TextWriter.Synchronized(output), TextWriter.Synchronized(error), cancel);
        return (code, output.ToString(), error.ToString());
    }

    public static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "distill-teacher.dll"));
        foreach (string arg in args) start.ArgumentList.Add(arg);
        start.Environment.Remove("OPENAI_API_KEY");
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Writes word problems and returns the path.</summary>
    public static string WriteQuestions(TeacherFolder folder, int count, string input = "input", string label = "label")
    {
        string path = folder.File("sums.jsonl");
        File.WriteAllLines(path, Enumerable.Range(0, count).Select(i =>
            $$"""{"{{input}}":"A box holds {{i}} red and {{i % 7}} blue balls. How many balls does it hold?","{{label}}":"( {{i}}.0 + {{i % 7}}.0 )"}"""));
        return path;
    }

    /// <summary>What a good teacher says to the last question of a prompt.</summary>
    public static string Solve(string prompt)
    {
        Match numbers = Balls().Matches(prompt)[^1];
        return $" The box holds {numbers.Groups[1]} red and {numbers.Groups[2]} blue balls, which makes them all. "
            + $"The answer is ({numbers.Groups[1]} + {numbers.Groups[2]}).";
    }

    public static string[] RunArguments(FakeTeacherServer server, string input, string output, params string[] more) =>
        ["run", "--task", "svamp", "--input", input, "--output", output, "--base-url", server.BaseUrl, "--model", "fake-1", .. more];

    [GeneratedRegex(@"A box holds (\d+) red and (\d+) blue")]
    private static partial Regex Balls();
}
