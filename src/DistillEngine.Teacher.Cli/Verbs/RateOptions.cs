using System.CommandLine;
using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>Limits of speed; <c>plan</c> reckons with them, <c>run</c> keeps them.</summary>
static class RateOptions
{
    public static Option<int> SamplesARequest() => CommonOptions.AtLeast(new Option<int>("--samples-per-request")
    {
        Description = "Samples of a row that one request asks for at most (n), which pay the prompt once; "
            + "1 asks for each alone, as happens by itself where the server gives one answer only",
        DefaultValueFactory = _ => RunnerOptions.MostSamplesARequest,
        HelpName = "N",
    }, 1);

    public static Option<int?> RequestsAMinute() => CommonOptions.AtLeast(new Option<int?>("--rpm")
    {
        Description = "Requests a minute at most, in every sliding minute", HelpName = "N",
    }, 1);

    public static Option<long?> TokensAMinute() => CommonOptions.AtLeast(new Option<long?>("--tpm")
    {
        Description = "Tokens a minute at most, read and written", HelpName = "N",
    }, 1);
}
