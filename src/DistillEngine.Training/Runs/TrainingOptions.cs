using System.Globalization;
using DistillEngine.Data.Batching;
using DistillEngine.Kernels;

namespace DistillEngine.Training;

/// <summary>All that a training run is told. Immutable; progress lives in <see cref="RunState"/>.</summary>
public sealed record TrainingOptions
{
    /// <summary>Share held out where neither the options nor the task name one; the published code's.</summary>
    public const double StandardValidationFraction = 0.1;

    /// <summary>Weight of the label loss where the options name none; the published code's.</summary>
    public const double StandardAlpha = 0.5;

    /// <summary>Schedule where the options name none.</summary>
    public const string StandardSchedule = "linear";

    /// <summary>A <c>distill.rationale/1</c> file.</summary>
    public required string Data { get; init; }

    /// <summary>Labelled rows for validation from another file; null takes <see cref="ValidationFraction"/> of <see cref="Data"/>.</summary>
    public string? ValidationData { get; init; }

    /// <summary>Share of the rows held out for validation, 0 … below 1; only where <see cref="EvalEvery"/> is above 0. Null: the task's
    /// <c>valid_from_train</c>, else <see cref="StandardValidationFraction"/>.</summary>
    public double? ValidationFraction { get; init; }

    /// <summary>Built-in name or path of a task file.</summary>
    public required string Task { get; init; }

    /// <summary>Name of a preset, trained from scratch, or a model folder.</summary>
    public required string Model { get; init; }

    /// <summary>File or folder of the tokenizer; null: the model folder's.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>The run's folder.</summary>
    public required string Output { get; init; }

    public TrainingMethod Method { get; init; } = TrainingMethod.StepByStep;
    public LabelSource LabelSource { get; init; } = LabelSource.GoldElseTeacher;
    public MismatchRule OnMismatch { get; init; } = MismatchRule.Keep;

    /// <summary>Weight of the label loss, 0 … 1; null: <see cref="StandardAlpha"/>. Only step-by-step has a second loss to weigh it against.</summary>
    public double? Alpha { get; init; }

    public AccumulateMean AccumulateMean { get; init; } = AccumulateMean.Tokens;

    /// <summary>Optimizer steps, at least 1.</summary>
    public long Steps { get; init; } = 10_000;

    /// <summary>Rows of a micro-batch.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Micro-batches of a step.</summary>
    public int Accumulate { get; init; } = 1;

    public RowOrder Order { get; init; } = RowOrder.Shuffled;

    /// <summary>Steps within whose rows batches of like lengths are formed; 0 keeps the order drawn.</summary>
    public int BucketSteps { get; init; } = 8;

    /// <summary>Its learning rate is the schedule's peak.</summary>
    public OptimizerOptions Optimizer { get; init; } = new() { LearningRate = Optimizers.DefaultLearningRate("adamw") };

    /// <summary>Name of a schedule; null: <see cref="StandardSchedule"/>, where the optimizer takes its rate from one.</summary>
    public string? Schedule { get; init; }

    /// <summary>Steps of warm-up.</summary>
    public long Warmup { get; init; }

    /// <summary>Greatest global gradient norm; 0 = none.</summary>
    public float Clip { get; init; } = 1;

    /// <summary>Null: the model's own.</summary>
    public float? Dropout { get; init; }

    /// <summary>Computes activations again in backward instead of keeping them: less memory, more time, the same bits, so that a run may be
    /// resumed with or without it.</summary>
    public bool Recompute { get; init; }

    public ulong Seed { get; init; }

    /// <summary>A checkpoint every so many steps, 0 = only at the end.</summary>
    public long SaveEvery { get; init; } = 500;

    /// <summary>Validation every so many steps, 0 = never.</summary>
    public long EvalEvery { get; init; }

    /// <summary>Checkpoints that stay; 0 = all.</summary>
    public int Keep { get; init; } = 2;

    /// <summary>Ends after so many evaluations without a better one; 0 = never.</summary>
    public int Patience { get; init; }

    /// <summary>Most tokens of a generated answer in validation.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Goes on from the newest checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>Refuses numbers that make no run.</summary>
    /// <exception cref="ArgumentException">Names the option as it is written on the command line.</exception>
    public void Validate()
    {
        Require(Alpha is null or (>= 0 and <= 1), "--alpha", Alpha ?? 0, "0 to 1");
        Require(Steps >= 1, "--steps", Steps, "at least 1");
        Require(Batch >= 1, "--batch", Batch, "at least 1");
        Require(Accumulate >= 1, "--accumulate", Accumulate, "at least 1");
        Require(BucketSteps >= 0, "--bucket-steps", BucketSteps, "at least 0");
        Require(Warmup >= 0, "--warmup", Warmup, "at least 0");
        Require(float.IsFinite(Clip) && Clip >= 0, "--clip", Clip, "at least 0 (0 = no clipping)");
        Require(Dropout is null or (>= 0 and < 1), "--dropout", Dropout ?? 0, "0 to below 1");
        Require(ValidationFraction is null or (>= 0 and < 1), "--validation-fraction", ValidationFraction ?? 0, "0 to below 1");
        Require(SaveEvery >= 0, "--save-every", SaveEvery, "at least 0");
        Require(EvalEvery >= 0, "--eval-every", EvalEvery, "at least 0");
        Require(Keep >= 0, "--keep", Keep, "at least 0 (0 = all)");
        Require(Patience >= 0, "--patience", Patience, "at least 0");
        Require(MaxNewTokens >= 1, "--max-new-tokens", MaxNewTokens, "at least 1");
        Require(Order != RowOrder.Published || Seed <= uint.MaxValue, "--seed", Seed, $"at most {uint.MaxValue} with --order published");
        Optimizers.Validate(Optimizer);
        NewSchedule();
        if (Alpha is not null && Method == TrainingMethod.Standard)
            throw new ArgumentException("--alpha weighs the label loss against the rationale loss, which --method standard does not have; leave it out.");
        if (Optimizer.LearningRate is null && (Schedule is not null || Warmup > 0))
            throw new ArgumentException($"--{(Schedule is not null ? "schedule" : "warmup")} needs a rate to follow: "
                + $"{Optimizer.Name} without --lr takes its own relative step. Give --lr (1e-3 fine-tunes T5), or leave it out.");
        if (Patience > 0 && EvalEvery == 0) throw new ArgumentException("--patience counts evaluations; give --eval-every too.");
        if (ValidationData is not null && EvalEvery == 0) throw new ArgumentException("--validation is looked at every --eval-every steps; give that too.");
        if (ValidationFraction > 0 && EvalEvery == 0)
            throw new ArgumentException("--validation-fraction holds rows out for every --eval-every steps; give that too.");
        if (EvalEvery > Steps)
            throw new ArgumentException($"--eval-every {Text(EvalEvery)} exceeds --steps {Text(Steps)}, so nothing would be evaluated; lower it, or leave it out.");
        if (EvalEvery > 0 && ValidationData is null && ValidationFraction == 0)
            throw new ArgumentException("--eval-every needs rows to evaluate on: give --validation FILE or a --validation-fraction above 0.");
    }

    /// <summary>The learning rate of each step.</summary>
    /// <exception cref="ArgumentException">There is no such schedule, or its warm-up does not fit the steps.</exception>
    public LearningRateSchedule NewSchedule() => LearningRateSchedule.Create(Schedule ?? StandardSchedule, Optimizer.LearningRate ?? 0, Warmup, Steps);

    /// <summary>What decides the bits of the weights, by option: a resumed run must agree in all of it.</summary>
    /// <param name="precision">The backend's.</param>
    /// <param name="dataSha256">Hash of the data file's bytes.</param>
    /// <param name="taskSha256">Hash of the task's definition: wherever its file lies, it is the same task.</param>
    /// <param name="validationSha256">Hash of the validation file's bytes; null where there is none.</param>
    /// <param name="tokenizerSha256">Hash of the tokenizer's files: another vocabulary of the same size would give the ids other meanings.</param>
    public SortedDictionary<string, string> Settings(ComputePrecision precision, string dataSha256, string taskSha256, string tokenizerSha256,
        string? validationSha256) => new(StringComparer.Ordinal)
        {
            ["data"] = dataSha256,
            ["task"] = taskSha256,
            ["model"] = Model,
            ["tokenizer"] = tokenizerSha256,
            ["method"] = Method.ToString(),
            ["label-source"] = LabelSource.ToString(),
            ["on-mismatch"] = OnMismatch.ToString(),
            ["alpha"] = Text(Alpha ?? StandardAlpha),
            ["accumulate-mean"] = AccumulateMean.ToString(),
            ["steps"] = Text(Steps),
            ["batch"] = Text(Batch),
            ["accumulate"] = Text(Accumulate),
            ["order"] = Order.ToString(),
            ["bucket-steps"] = Text(BucketSteps),
            ["optimizer"] = Optimizer.ToString(),
            ["schedule"] = Schedule ?? StandardSchedule,
            ["warmup"] = Text(Warmup),
            ["clip"] = Text(Clip),
            ["dropout"] = Dropout is { } dropout ? Text(dropout) : "the model's",
            ["seed"] = Text(Seed),
            ["eval-every"] = Text(EvalEvery),
            ["validation"] = validationSha256 ?? (ValidationFraction is { } fraction ? Text(fraction) : "the task's share"),
            ["patience"] = Text(Patience),
            ["max-new-tokens"] = Text(MaxNewTokens),
            ["dtype"] = precision.ToString(),
        };

    static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    static void Require(bool condition, string option, IFormattable value, string expected)
    {
        if (!condition) throw new ArgumentException($"{option} is {Text(value)}, expected {expected}.");
    }
}
