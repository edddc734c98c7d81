using System.CommandLine;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Wire;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>The options of <c>run</c> alone.</summary>
sealed class RunOptions
{
    const string Guarantee = "a request starts only if its prompt, by estimate, and its answers at their longest still fit; lost answers count as such";

    /// <summary>Longest wait of the system's timers.</summary>
    const double MostSeconds = 4_000_000;

    readonly Option<string> _output = new("--output") { Description = "Folder of the run", Required = true, HelpName = "RUN" };
    readonly Option<string?> _baseUrl = new("--base-url")
    {
        Description = "The server, such as https://api.openai.com/v1 or http://localhost:8000/v1", HelpName = "URL",
    };
    readonly Option<string?> _replay = new("--replay") { Description = "Instead of a server: answer from this journal", HelpName = "FILE" };
    readonly Option<string?> _keyFile = new("--key-file")
    {
        Description = $"File that holds the key; default: the variable {ApiKey.Variable}", HelpName = "FILE",
    };
    readonly Option<int> _concurrency = CommonOptions.AtLeast(new Option<int>("--concurrency")
    {
        Description = "Requests in flight at most", DefaultValueFactory = _ => 16, HelpName = "N",
    }, 1);
    readonly Option<int> _samplesARequest = RateOptions.SamplesARequest();
    readonly Option<int?> _rpm = RateOptions.RequestsAMinute();
    readonly Option<long?> _tpm = RateOptions.TokensAMinute();
    readonly Option<int> _attempts = CommonOptions.AtLeast(new Option<int>("--max-attempts")
    {
        Description = "Attempts at one question", DefaultValueFactory = _ => 10, HelpName = "N",
    }, 1);
    readonly Option<double> _maxWait = Seconds("--max-wait", "Longest wait before a question is asked again, whatever the server asks for", 60);
    readonly Option<double> _timeout = Seconds("--timeout", "Longest time for one attempt", 120);
    readonly Option<long?> _budgetRequests = CommonOptions.AtLeast(new Option<long?>("--budget-requests")
    {
        Description = "Requests in all, over every start of the run", HelpName = "N",
    }, 1);
    readonly Option<long?> _budgetTokens = CommonOptions.AtLeast(new Option<long?>("--budget-tokens")
    {
        Description = $"Tokens in all, read and written; {Guarantee}", HelpName = "N",
    }, 1);
    readonly Option<double?> _budgetDollars = CommonOptions.AtLeast(new Option<double?>("--budget-usd")
    {
        Description = $"US dollars in all; needs prices; {Guarantee}", HelpName = "X",
    }, 0);
    readonly ChoiceOption<Durability> _fsync = new("--fsync", "When the journal is brought to disk, against power failures",
        ("second", Durability.EverySecond), ("line", Durability.EveryLine), ("end", Durability.AtTheEnd));
    readonly Option<bool> _json = CommonOptions.Json("outcome, reason, requests, answered, givenUp, attempts, inputTokens, outputTokens, usd, "
        + "seconds, errors, results");

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_output, _baseUrl, _replay, _keyFile, _concurrency, _samplesARequest, _rpm, _tpm, _attempts, _maxWait, _timeout,
            _budgetRequests, _budgetTokens, _budgetDollars, _fsync, _json]) command.Options.Add(option);
        command.Validators.Add(result =>
        {
            if ((result.GetResult(_baseUrl) is null) == (result.GetResult(_replay) is null)) result.AddError("Give --base-url or --replay, one of them.");
        });
    }

    public RunSettings Read(ParseResult parsed) => new()
    {
        Output = parsed.GetValue(_output)!,
        BaseUrl = parsed.GetValue(_baseUrl),
        Replay = parsed.GetValue(_replay),
        KeyFile = parsed.GetValue(_keyFile),
        Concurrency = parsed.GetValue(_concurrency),
        SamplesARequest = parsed.GetValue(_samplesARequest),
        RequestsAMinute = parsed.GetValue(_rpm),
        TokensAMinute = parsed.GetValue(_tpm),
        Retry = new(parsed.GetValue(_attempts), TimeSpan.FromSeconds(parsed.GetValue(_maxWait))),
        Timeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout)),
        Budget = new(parsed.GetValue(_budgetRequests), parsed.GetValue(_budgetTokens), parsed.GetValue(_budgetDollars)),
        Durability = _fsync.Of(parsed),
        IsJson = parsed.GetValue(_json),
    };

    static Option<double> Seconds(string name, string description, double standard)
    {
        var option = new Option<double>(name) { Description = $"{description}, in seconds", DefaultValueFactory = _ => standard, HelpName = "S" };
        option.Validators.Add(result =>
        {
            if (!result.Errors.Any() && result.GetValueOrDefault<double>() is not (> 0 and <= MostSeconds))
                result.AddError($"{name} is {result.GetValueOrDefault<double>()}, expected above 0 to {MostSeconds:N0}.");
        });
        return option;
    }
}
