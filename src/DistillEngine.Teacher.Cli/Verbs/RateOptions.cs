using System.CommandLine;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>Limits of speed; <c>plan</c> reckons with them, <c>run</c> keeps them.</summary>
static class RateOptions
{
    public static Option<int?> RequestsAMinute() => Options.AtLeast(new Option<int?>("--rpm") { Description = "Requests a minute at most, in every sliding minute", HelpName = "N" }, 1);

    public static Option<long?> TokensAMinute() => Options.AtLeast(new Option<long?>("--tpm") { Description = "Tokens a minute at most, read and written", HelpName = "N" }, 1);
}
