using System.Globalization;
using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Data.Tokenization;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>What a run will do and need, settled before it takes memory for the model.</summary>
public sealed record TrainingPlan
{
    public required TrainingOptions Options { get; init; }
    public required T5Config Config { get; init; }
    public required TrainingData Data { get; init; }
    public required BatchLimits Limits { get; init; }
    public required MemoryNeeds Model { get; init; }

    /// <summary>Bytes of the optimizer's state.</summary>
    public required long OptimizerBytes { get; init; }

    /// <summary>Bytes that validation by generation adds.</summary>
    public required long GenerationBytes { get; init; }

    /// <summary>Ids of the tokenizer; a model's embedding may have more rows.</summary>
    public required int TokenizerSize { get; init; }

    public long TotalBytes => Model.Total + OptimizerBytes + GenerationBytes;

    public long ParameterCount => T5Model.Declare(Config).Sum(s => s.Shape.Count);

    /// <summary>Rows decoded at a time in validation.</summary>
    public const int EvaluationRows = 32;

    /// <exception cref="InvalidDataException">The tokenizer's ids exceed the model's vocabulary.</exception>
    public static TrainingPlan Of(TrainingOptions options, T5Config config, SentencePieceTokenizer tokenizer, TrainingData data)
    {
        TokenizerFiles.RequireFit(tokenizer, options.Tokenizer ?? options.Model, config, options.Model);
        if (tokenizer.EosId != config.EosId || tokenizer.PadId != config.PadId)
            throw new InvalidDataException($"{options.Tokenizer ?? options.Model}: "
                + $"the tokenizer has pad {tokenizer.PadId} and </s> {tokenizer.EosId}, the model pad {config.PadId} and </s> {config.EosId}. "
                + "Use the tokenizer that belongs to the model.");
        if (config.DecoderStartId != config.PadId)
            throw new InvalidDataException(
                $"{options.Model}: decoder_start_token_id is {config.DecoderStartId}, expected pad_token_id = {config.PadId}: "
                + "T5 starts every target with padding. Correct the configuration.");
        BatchLimits limits = BatchPlanner.LimitsFor(data.Examples, options.Batch);
        long generation = 0;
        if (data.Validation is { } validation)
        {
            BatchLimits evaluation = BatchGenerator.LimitsFor(validation.Sources, EvaluationRows);
            limits = BatchLimits.Larger(limits, evaluation);
            generation = GreedyGenerator.ByteLength(config, Math.Min(limits.MaxSequences, limits.MaxTargetTokens), options.MaxNewTokens,
                limits.MaxSourceTokens);
        }
        return new TrainingPlan
        {
            Options = options, Config = config, Data = data, Limits = limits, GenerationBytes = generation, TokenizerSize = tokenizer.VocabularySize,
            Model = T5Model.Measure(config, limits, training: true, recompute: options.Recompute),
            OptimizerBytes = Optimizers.StateBytes(options.Optimizer, T5Model.Declare(config)),
        };
    }

    /// <exception cref="InsufficientMemoryException">The machine has less than the run needs.</exception>
    public void RequireMemory(long availableBytes)
    {
        if (TotalBytes <= availableBytes) return;
        throw new InsufficientMemoryException(
            $"The run needs {MiB(TotalBytes)} MiB, of which {MiB(Model.Activations)} for activations; {MiB(availableBytes)} MiB are free. "
            + "Lower --batch (and raise --accumulate), give --recompute, choose a smaller --model, or an Adafactor optimizer.");
    }

    /// <summary>Lines to show before the first step.</summary>
    public IEnumerable<string> Describe()
    {
        TrainingOptions o = Options;
        ExampleSet examples = Data.Examples;
        // The last step of an epoch holds what is left.
        long stepRows = Math.Min((long)o.Batch * o.Accumulate, examples.Count), epochSteps = (examples.Count + stepRows - 1) / stepRows;
        yield return $"rows        {Data.Selection}";
        yield return $"tokens      {examples.TokenCount:N0} in {examples.Count:N0} rows; longest source {Limits.MaxSourceLength}, "
            + $"longest target {Limits.MaxTargetLength}"
            + (Data.Encoder.Cuts is { Length: > 0 } cut ? $"; {cut}" : "");
        yield return $"model       {o.Model}: {ParameterCount:N0} parameters, vocabulary {Config.VocabularySize:N0}";
        yield return $"method      {Method(o)}, {o.Optimizer.Name}, {Rate(o)}";
        yield return $"steps       {o.Steps:N0} of {stepRows:N0} rows: {o.Steps / (double)epochSteps:F1} epochs"
            + (Data.Validation is { } v ? $"; validation on {v.Sources.Count:N0} rows every {o.EvalEvery:N0}" : "")
            + (Data.UnlabelledHeld > 0 ? $"; {Data.UnlabelledHeld:N0} rows held out without a gold label are of no use" : "");
        yield return $"memory      {MiB(TotalBytes)} MiB: parameters {MiB(Model.Parameters)}, gradients {MiB(Model.Gradients)}, "
            + $"optimizer {MiB(OptimizerBytes)}, activations {MiB(Model.Activations)}"
            + (GenerationBytes > 0 ? $", generation {MiB(GenerationBytes)}" : "");
    }

    static string Method(TrainingOptions o) => o.Method == TrainingMethod.StepByStep
        ? string.Create(CultureInfo.InvariantCulture, $"step-by-step, alpha {o.Alpha ?? TrainingOptions.StandardAlpha}")
        : "standard";

    static string Rate(TrainingOptions o) => o.Optimizer.LearningRate is { } rate
        ? string.Create(CultureInfo.InvariantCulture, $"{o.Schedule ?? TrainingOptions.StandardSchedule} schedule, peak rate {rate}, warm-up {o.Warmup}")
        : "relative step";

    static string MiB(long bytes) => (bytes / 1048576.0).ToString("N0", CultureInfo.InvariantCulture);
}
