using DistillEngine.Teacher.Runs;

namespace DistillEngine.Teacher.Sessions;

/// <summary>What a plan will cost and how long it will take, before anything is asked. All counts of tokens are estimates.</summary>
public sealed record RunForecast
{
    /// <summary>Counts of tokens differ from one tokenizer to the next by about so much.</summary>
    const double TokenError = 0.15;

    /// <summary>Answers are seldom as long as they may be; a quarter is what rationales of the built-in tasks take.</summary>
    const double ShortAnswer = 0.25;

    /// <summary>Where each sample is asked for alone.</summary>
    public required int Requests { get; init; }

    /// <summary>Where the server gives the samples of a row together.</summary>
    public required int RequestsTogether { get; init; }

    /// <summary>Where each sample is asked for alone, and so pays the prompt.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Where the server gives the samples of a row together.</summary>
    public required long PromptTokensTogether { get; init; }

    /// <summary>Where answers take a quarter of the tokens they may take.</summary>
    public required long AnswerTokensLow { get; init; }

    /// <summary>Where every answer is as long as it may be.</summary>
    public required long AnswerTokensHigh { get; init; }

    /// <summary>US dollars; null without prices.</summary>
    public required double? DollarsLow { get; init; }

    public required double? DollarsHigh { get; init; }

    /// <summary>Time that the limits on requests and tokens enforce at least; null without limits.</summary>
    public required TimeSpan? ShortestTime { get; init; }

    /// <param name="samplesARequest">Samples of a row that one request asks for at most.</param>
    public static RunForecast Of(RunPlan plan, Prices? prices, int samplesARequest, int? requestsAMinute, long? tokensAMinute)
    {
        int requests = plan.Requests.Count, together = 0;
        long promptsTogether = 0;
        foreach (IGrouping<int, PlannedRequest> row in plan.Requests.GroupBy(planned => planned.Row))
        {
            int bundles = (row.Count() + samplesARequest - 1) / samplesARequest;
            together += bundles;
            promptsTogether += (long)bundles * row.First().PromptTokens;
        }
        long high = (long)requests * plan.Parameters.MaxTokens, low = (long)(high * ShortAnswer);
        double? minutes = requestsAMinute is { } rpm ? (double)together / rpm : null;
        if (tokensAMinute is { } tpm) minutes = Math.Max(minutes ?? 0, (double)(promptsTogether + low) / tpm);
        return new()
        {
            Requests = requests,
            RequestsTogether = together,
            PromptTokens = plan.PromptTokens,
            PromptTokensTogether = promptsTogether,
            AnswerTokensLow = low,
            AnswerTokensHigh = high,
            DollarsLow = prices?.Of((long)(promptsTogether * (1 - TokenError)), low),
            DollarsHigh = prices?.Of((long)(plan.PromptTokens * (1 + TokenError)), high),
            ShortestTime = minutes is { } m ? TimeSpan.FromMinutes(m) : null,
        };
    }
}
