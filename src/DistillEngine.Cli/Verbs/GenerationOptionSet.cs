using System.CommandLine;
using DistillEngine.Core;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Cli.Verbs;

/// <summary>The decoding options of eval and predict.</summary>
sealed class GenerationOptionSet
{
    static readonly GenerationOptions Standard = new();

    readonly Option<int> _rows = CommonOptions.AtLeast(new Option<int>("--batch")
    {
        Description = "Inputs decoded at a time", DefaultValueFactory = _ => 32, HelpName = "N",
    }, 1);
    readonly Option<int> _maxNewTokens = CommonOptions.AtLeast(new Option<int>("--max-new-tokens")
    {
        Description = "Longest answer in tokens", DefaultValueFactory = _ => 128, HelpName = "N",
    }, 1);
    readonly Option<int> _minNewTokens = CommonOptions.AtLeast(new Option<int>("--min-new-tokens")
    {
        Description = "Shortest answer in tokens", DefaultValueFactory = _ => Standard.MinNewTokens, HelpName = "N",
    }, 0);
    readonly Option<float> _repetitionPenalty = new("--repetition-penalty")
    {
        Description = "Above 1 discourages words already there", DefaultValueFactory = _ => Standard.RepetitionPenalty, HelpName = "X",
    };
    readonly Option<int> _noRepeatNgram = CommonOptions.AtLeast(new Option<int>("--no-repeat-ngram")
    {
        Description = "No n-gram of this length occurs twice; 0 = off", DefaultValueFactory = _ => Standard.NoRepeatNgramSize, HelpName = "N",
    }, 0);

    readonly ChoiceOption<WeightForm> _weights = WeightsOption();

    readonly ChoiceOption<DType> _cache = CacheOption();

    public static ChoiceOption<WeightForm> WeightsOption() => new("--weights", "How the model's matrices are held while decoding; fewer bits read faster",
        [.. WeightForms.Choices.Select(form => (form.Name(), form))]);

    public static ChoiceOption<DType> CacheOption() =>
        new("--cache", "How keys and values are kept while decoding; bf16 takes half of the memory, on the processor alone",
        ("f32", DType.F32), ("bf16", DType.BF16));

    public void AddTo(Command command)
    {
        command.Options.Add(_weights);
        command.Options.Add(_cache);
        command.Options.Add(_rows);
        command.Options.Add(_maxNewTokens);
        command.Options.Add(_minNewTokens);
        command.Options.Add(_repetitionPenalty);
        command.Options.Add(_noRepeatNgram);
    }

    /// <summary>Says how many texts have no end of their own.</summary>
    /// <param name="count">Texts generated.</param>
    public static void ReportEnded(Io io, BatchGenerator generator, int count)
    {
        if (generator.Unfinished > 0)
            io.Error.WriteLine($"{generator.Unfinished:N0} of {count:N0} generated texts were ended by --max-new-tokens {generator.MaxNewTokens:N0}.");
    }

    public WeightForm Weights(ParseResult p) => _weights.Of(p);

    public DType Cache(ParseResult p) => _cache.Of(p);

    public int Rows(ParseResult p) => p.GetValue(_rows);

    public GenerationOptions Options(ParseResult p) => new()
    {
        MaxNewTokens = p.GetValue(_maxNewTokens), MinNewTokens = p.GetValue(_minNewTokens), RepetitionPenalty = p.GetValue(_repetitionPenalty),
        NoRepeatNgramSize = p.GetValue(_noRepeatNgram), CacheType = _cache.Of(p),
    };
}
