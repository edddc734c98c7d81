using System.Text.Json;
using DistillEngine.Cli;

namespace DistillEngine.Tests.Cli;

/// <summary>What one call of <c>distill</c> wrote and returned.</summary>
sealed record CliResult(int Code, string Output, string Error)
{
    /// <summary>Runs the program within this process.</summary>
    public static CliResult Of(params string[] args) => Of(CancellationToken.None, args);

    public static CliResult Of(CancellationToken cancel, params string[] args)
    {
        using StringWriter output = new(), error = new();
        int code = CommandLine.Run(args, output, error, cancel);
        return new(code, output.ToString(), error.ToString());
    }

    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Every line of the output as JSON.</summary>
    public JsonElement[] Json => [.. OutputLines.Select(line => JsonElement.Parse(line))];

    public override string ToString() => $"exit {Code}\nstdout: {Output}\nstderr: {Error}";
}
