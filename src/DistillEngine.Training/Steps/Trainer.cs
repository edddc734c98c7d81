using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Model;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace DistillEngine.Training;

/// <summary>
/// One training step after another: micro-batches forward and backward, gradient norm, clipped update. After the first step nothing is
/// allocated.
/// </summary>
/// <remarks>Source: arXiv:2305.02301 section 3.2; the published code's TaskPrefixTrainer.compute_loss.</remarks>
public sealed class Trainer : IDisposable
{
    const string NormName = "gradient norm";

    readonly T5Model _model;
    readonly IOptimizer _optimizer;
    readonly LearningRateSchedule _schedule;
    readonly TrainerSettings _settings;
    readonly Batch _batch;
    readonly float[] _rowWeights;
    readonly LossReadback _losses;
    readonly DeviceBuffer _normBuffer;
    readonly HostBuffer _hostNormBuffer = new(sizeof(float), NormName);
    readonly Tensor _norm, _hostNorm;

    /// <param name="model">Built for training.</param>
    public Trainer(T5Model model, IOptimizer optimizer, LearningRateSchedule schedule, TrainerSettings settings)
    {
        (_model, _optimizer, _schedule, _settings) = (model, optimizer, schedule, settings);
        _batch = new Batch(model.Limits);
        _rowWeights = new float[model.Limits.MaxTargetTokens];
        _losses = new LossReadback(model.Backend, model.Limits);
        _normBuffer = model.Backend.Allocate(sizeof(float), NormName);
        _norm = new Tensor(_normBuffer, 0, new(1), DType.F32, NormName);
        _hostNorm = _norm with { Buffer = _hostNormBuffer };
    }

    /// <summary>Steps done.</summary>
    public long StepCount { get; private set; }

    /// <summary>Last steps in a row that were skipped because their loss or gradient was no number.</summary>
    public int SkippedInARow { get; private set; }

    /// <summary>Of the last step.</summary>
    public StepTimes Times { get; private set; }

    /// <summary>Continues after a step that a checkpoint was taken at.</summary>
    public void Resume(long stepCount, int skippedInARow = 0) => (StepCount, SkippedInARow) = (stepCount, skippedInARow);

    /// <summary>Takes the next step's rows from <paramref name="batches"/> and learns from them.</summary>
    /// <exception cref="NonFiniteLossException">Too many steps in a row had a loss or gradient that is no number.</exception>
    public StepReport Step(Batcher batches)
    {
        Times = default;
        StepPlan plan = batches.BeginStep();
        var sums = new LossSums(_settings, plan);
        for (int micro = 0; micro < plan.MicroBatches; micro++)
        {
            batches.Fill(_batch);
            AddMicroBatch(_batch, ref sums);
        }
        return Finish(sums, plan.SourceTokens + plan.LabelTokens + plan.RationaleTokens);
    }

    /// <summary>Learns from micro-batches that the caller has.</summary>
    /// <inheritdoc cref="Step(Batcher)"/>
    public StepReport Step(ReadOnlySpan<Batch> microBatches)
    {
        Times = default;
        var sums = new LossSums(_settings, microBatches);
        int tokens = 0;
        for (int micro = 0; micro < microBatches.Length; micro++)
        {
            AddMicroBatch(microBatches[micro], ref sums);
            tokens += microBatches[micro].SourceTokenCount + microBatches[micro].TargetTokenCount;
        }
        return Finish(sums, tokens);
    }

    public void Dispose()
    {
        _losses.Dispose();
        _normBuffer.Dispose();
        _hostNormBuffer.Dispose();
    }

    void AddMicroBatch(Batch micro, ref LossSums sums)
    {
        long started = Stopwatch.GetTimestamp();
        _model.Forward(micro, new DropoutSettings(_settings.Dropout, _settings.Seed, StepCount + 1));
        WaitForPart();
        Times = Times.AfterForward(started);
        started = Stopwatch.GetTimestamp();
        Span<float> weights = _rowWeights.AsSpan(0, micro.TargetTokenCount);
        sums.BeginMicroBatch(micro);
        sums.WriteRowWeights(micro, weights);
        _losses.Queue(_model.TokenNats, micro, sums);
        _model.Backward(weights);
        WaitForPart();
        Times = Times.AfterBackward(started);
    }

    /// <summary>Rejects a training whose last steps were skipped, two at the least: one may be chance.</summary>
    /// <exception cref="NonFiniteLossException">They were.</exception>
    public void RequireConvergence()
    {
        if (SkippedInARow > 1) throw new NonFiniteLossException(StepCount, SkippedInARow, []);
    }

    /// <summary>Waits once, for losses and norm: a device then has all work of the gradients before it.</summary>
    StepReport Finish(LossSums sums, int tokens)
    {
        long started = Stopwatch.GetTimestamp();
        _model.Backend.Kernels.GradientNorm.Forward(_model.Parameters.AllGradients, _norm);
        float norm = ReadNorm();
        _losses.AddTo(ref sums);
        StepCount++;
        double rate = _schedule.At(StepCount);
        bool isFinite = float.IsFinite(norm) && double.IsFinite(sums.Loss);
        if (isFinite)
        {
            _optimizer.Apply(_norm, rate, _settings.Clip);
            SkippedInARow = 0;
        }
        else if (++SkippedInARow > _settings.MaxSkippedSteps)
        {
            throw new NonFiniteLossException(StepCount, SkippedInARow, NonFiniteGradients());
        }
        _model.Parameters.ClearGradients();
        WaitForPart();
        Times = Times.AfterOptimizer(started);
        return new StepReport(StepCount, sums.Loss, sums.LabelLoss, sums.RationaleLoss, norm,
            _optimizer.UsesSchedule ? rate : null, tokens, !isFinite);
    }

    void WaitForPart()
    {
        if (_settings.WaitsForParts) _model.Backend.Synchronize();
    }

    float ReadNorm()
    {
        _model.Backend.BeginDownload(_norm, _hostNorm);
        _model.Backend.Synchronize();
        return _hostNorm.HostSpan<float>()[0];
    }

    List<string> NonFiniteGradients()
    {
        var names = new List<string>();
        for (int i = 0; i < _model.Parameters.Specs.Count; i++)
        {
            Tensor gradient = _model.Parameters.Gradient(new ParameterId(i));
            if (gradient.Shape.D1 == 1) gradient = gradient.Reshape(new(1, gradient.Shape.D0));
            _model.Backend.Kernels.GradientNorm.Forward(gradient, _norm);
            if (!float.IsFinite(ReadNorm())) names.Add(gradient.Name);
        }
        return names;
    }
}
