using System.CommandLine;
using DistillEngine.Data.Tasks;
using DistillEngine.Teacher.Runs;
using DistillEngine.Teacher.Sessions;

namespace DistillEngine.Teacher.Cli.Verbs;

/// <summary>The options that say what is asked about what; <c>plan</c>, <c>run</c> and <c>export-batch</c> share them.</summary>
sealed class QuestionOptions
{
    readonly Option<string> _task = new("--task")
    {
        Description = $"{string.Join(", ", TaskReader.BuiltIn)}, or a task file", Required = true, HelpName = "NAME|FILE",
    };
    readonly Option<string> _input = new("--input")
    {
        Description = "Rows: JSON lines, a JSON array, CSV, or a published data file", Required = true, HelpName = "FILE",
    };
    readonly Option<string> _model = new("--model") { Description = "The teacher, as its server calls it", Required = true, HelpName = "NAME" };
    readonly ChoiceOption<bool?> _api = new("--api", "How to ask", ("task", null), ("completions", false), ("chat", true));
    readonly Option<int?> _samples = CommonOptions.AtLeast(new Option<int?>("--samples")
    {
        Description = "Answers for each row, of which the majority counts; default: what the task says", HelpName = "N",
    }, 1);
    readonly Option<int?> _maxTokens = CommonOptions.AtLeast(new Option<int?>("--max-tokens")
    {
        Description = "Most tokens of an answer; default: what the task says", HelpName = "N",
    }, 1);
    readonly Option<double?> _temperature = CommonOptions.AtLeast(new Option<double?>("--temperature")
    {
        Description = "Sampling temperature; default: what the task says", HelpName = "X",
    }, 0);
    readonly Option<double?> _topP = CommonOptions.AtLeast(new Option<double?>("--top-p")
    {
        Description = "Probability mass that is sampled from, 0 to 1", HelpName = "X",
    }, 0);
    readonly Option<int?> _topK = CommonOptions.AtLeast(new Option<int?>("--top-k")
    {
        Description = "Candidates that are sampled from; not every server knows it", HelpName = "N",
    }, 1);
    readonly Option<long?> _seed = CommonOptions.AtLeast(new Option<long?>("--seed")
    {
        Description = "Seed of the first sample; default: what the task says", HelpName = "N",
    }, 0);
    readonly Option<int?> _rows = CommonOptions.AtLeast(new Option<int?>("--rows")
    {
        Description = "Ask about the first rows only; the same folder can go on with more", HelpName = "N",
    }, 1);
    readonly Option<double?> _priceIn = CommonOptions.AtLeast(new Option<double?>("--price-in")
    {
        Description = "US dollars for a million tokens read", HelpName = "X",
    }, 0);
    readonly Option<double?> _priceOut = CommonOptions.AtLeast(new Option<double?>("--price-out")
    {
        Description = "US dollars for a million tokens written", HelpName = "X",
    }, 0);

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_task, _input, _model, _api, _samples, _maxTokens, _temperature, _topP, _topK, _seed, _rows])
            command.Options.Add(option);
    }

    public void AddPricesTo(Command command)
    {
        command.Options.Add(_priceIn);
        command.Options.Add(_priceOut);
    }

    public RunQuestion Question(ParseResult parsed) => new()
    {
        Task = parsed.GetValue(_task)!,
        Input = parsed.GetValue(_input)!,
        Model = parsed.GetValue(_model)!,
        IsChat = _api.Of(parsed),
        Samples = parsed.GetValue(_samples),
        MaxTokens = parsed.GetValue(_maxTokens),
        Temperature = parsed.GetValue(_temperature),
        TopP = parsed.GetValue(_topP),
        TopK = parsed.GetValue(_topK),
        Seed = parsed.GetValue(_seed),
        Rows = parsed.GetValue(_rows),
    };

    /// <exception cref="UsageException">One price without the other.</exception>
    public Prices? Prices(ParseResult parsed) => (parsed.GetValue(_priceIn), parsed.GetValue(_priceOut)) switch
    {
        ({ } input, { } output) => new(input, output),
        (null, null) => null,
        _ => throw new UsageException("--price-in and --price-out belong together; give both."),
    };
}
