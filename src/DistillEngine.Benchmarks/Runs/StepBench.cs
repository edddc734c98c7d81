using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Benchmarks;

/// <summary>A training step with random tokens, ready to run: the trainer that <c>distill train</c> uses, on one batch again and again.</summary>
public sealed class StepBench : IDisposable
{
    // No step moves the weights far, so that every step computes with ordinary numbers.
    const double UsualRate = 1e-4;

    readonly StepBenchOptions _options;
    readonly IBackend _backend;
    readonly T5Model _model;
    readonly IOptimizer _optimizer;
    readonly Trainer _trainer;
    readonly Batch[] _batches;

    /// <param name="rows">The rows of the step; null: those of <see cref="RandomBatch"/>.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the optimizer unknown.</exception>
    /// <exception cref="InvalidDataException">The model is neither a preset nor a usable folder.</exception>
    /// <exception cref="InsufficientMemoryException">The machine has less memory free than the step needs.</exception>
    public StepBench(StepBenchOptions options, IBackend backend, Batch? rows = null)
    {
        _options = options;
        _backend = backend;
        T5Config config = BenchModel.Config(options.Model);
        var optimizer = new OptimizerOptions { Name = options.Optimizer, LearningRate = Optimizers.DefaultLearningRate(options.Optimizer) };
        Optimizers.Validate(optimizer);
        Batch batch = rows ?? RandomBatch(options, config);
        BenchModel.RequireMemory(T5Model.Measure(config, batch.Limits, training: true, recompute: options.Recompute).Total
            + Optimizers.StateBytes(optimizer, T5Model.Declare(config)), backend);
        _model = new T5Model(config, batch.Limits, backend, training: true, recompute: options.Recompute);
        BenchModel.Fill(_model, options.Model);
        _optimizer = Optimizers.Create(optimizer, _model.Parameters, backend.Kernels, backend);
        var schedule = LearningRateSchedule.Create("constant", optimizer.LearningRate ?? UsualRate, warmupSteps: 0, totalSteps: 1);
        // A step that is no number would skip the update: it ends the run instead of being measured.
        _trainer = new Trainer(_model, _optimizer, schedule, new TrainerSettings { Dropout = config.DropoutRate, MaxSkippedSteps = 0, WaitsForParts = true });
        _batches = [batch];
    }

    public T5Model Model => _model;

    public T5Config Config => _model.Config;

    /// <summary>The rows of the step.</summary>
    public Batch Batch => _batches[0];

    /// <summary>The batch of a step: random tokens, no padding.</summary>
    public static Batch RandomBatch(StepBenchOptions options, T5Config config)
    {
        var (sequencesPerRow, targetsPerRow, longest) = options.StepByStep
            ? (2, StepBenchOptions.LabelLength + StepBenchOptions.RationaleLength, StepBenchOptions.RationaleLength)
            : (1, options.Target, options.Target);
        int sequences = BenchModel.Tokens(options.Batch, sequencesPerRow);
        var batch = new Batch(new BatchLimits(sequences, BenchModel.Tokens(sequences, options.Source), BenchModel.Tokens(options.Batch, targetsPerRow),
            options.Source, longest));
        var random = new Random(BenchModel.Seed);
        for (int row = 0; row < options.Batch; row++)
        {
            BenchModel.AddRandom(batch, random, config, options.Source, options.StepByStep ? StepBenchOptions.LabelLength : options.Target, TaskKind.Label);
            if (options.StepByStep) BenchModel.AddRandom(batch, random, config, options.Source, StepBenchOptions.RationaleLength, TaskKind.Rationale);
        }
        return batch;
    }

    /// <summary>Takes one step.</summary>
    /// <exception cref="NonFiniteLossException">Loss or gradient is no finite number.</exception>
    public StepReport Step() => _trainer.Step(_batches);

    /// <summary>Times some steps after a warm-up.</summary>
    /// <param name="warm">Called when the warm-up is over.</param>
    /// <param name="lengthy">Told how many steps are measured and how long they will take, if that is long.</param>
    /// <inheritdoc cref="Step"/>
    /// <exception cref="OperationCanceledException">Between two steps.</exception>
    public StepBenchResult Run(CancellationToken cancel, Action? warm = null, Action<int, TimeSpan>? lengthy = null)
    {
        // A step of its own, which takes no part in what the caller records.
        long updateBytes = UpdateBytes();
        List<double> forward = [], backward = [], optimizer = [], step = [];
        RunConditions conditions = Repetition.Run(() => Step(), whole =>
        {
            forward.Add(_trainer.Times.Forward.TotalMilliseconds);
            backward.Add(_trainer.Times.Backward.TotalMilliseconds);
            optimizer.Add(_trainer.Times.Optimizer.TotalMilliseconds);
            step.Add(whole);
        }, _backend, warm, lengthy, cancel);
        return new(step.Count, Timing.Of(forward), Timing.Of(backward), Timing.Of(optimizer), Timing.Of(step), Batch.SourceTokenCount + Batch.TargetTokenCount,
            ProductFlops.Step(Config, Batch), updateBytes, _options.Operands, conditions);
    }

    /// <summary>Compulsory traffic of the update, as the optimizer's own ops state it.</summary>
    public long UpdateBytes()
    {
        using TraceLog log = Trace.Open();
        Step();
        return log.Rows.Where(row => row.Op is "adamw.update" or "adafactor.update").Sum(row => row.Cost.Bytes);
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _optimizer.Dispose();
        _model.Dispose();
    }
}
