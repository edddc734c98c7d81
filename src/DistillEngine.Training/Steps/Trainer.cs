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
    readonly T5Model _model;
    readonly IOptimizer _optimizer;
    readonly LearningRateSchedule _schedule;
    readonly TrainerSettings _settings;
    readonly Batch _batch;
    readonly float[] _nats, _rowWeights;
    readonly DeviceBuffer _normBuffer;
    readonly Tensor _norm;
    readonly float[] _hostNorm = new float[1];

    /// <param name="model">Built for training.</param>
    public Trainer(T5Model model, IOptimizer optimizer, LearningRateSchedule schedule, TrainerSettings settings)
    {
        (_model, _optimizer, _schedule, _settings) = (model, optimizer, schedule, settings);
        _batch = new Batch(model.Limits);
        _nats = new float[model.Limits.MaxTargetTokens];
        _rowWeights = new float[model.Limits.MaxTargetTokens];
        _normBuffer = model.Backend.Allocate(sizeof(float), "gradient norm");
        _norm = new Tensor(_normBuffer, 0, new(1), DType.F32, "gradient norm");
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
            if (micro > 0) ReadLosses(_batch, ref sums);
            batches.Fill(_batch);
            AddMicroBatch(_batch, ref sums);
        }
        return Finish(_batch, sums, plan.SourceTokens + plan.LabelTokens + plan.RationaleTokens);
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
            if (micro > 0) ReadLosses(microBatches[micro - 1], ref sums);
            AddMicroBatch(microBatches[micro], ref sums);
            tokens += microBatches[micro].SourceTokenCount + microBatches[micro].TargetTokenCount;
        }
        return Finish(microBatches[^1], sums, tokens);
    }

    public void Dispose() => _normBuffer.Dispose();

    void AddMicroBatch(Batch micro, ref LossSums sums)
    {
        long started = Stopwatch.GetTimestamp();
        _model.Forward(micro, new DropoutSettings(_settings.Dropout, _settings.Seed, StepCount + 1));
        Times = Times.AfterForward(started);
        started = Stopwatch.GetTimestamp();
        Span<float> weights = _rowWeights.AsSpan(0, micro.TargetTokenCount);
        sums.BeginMicroBatch(micro);
        sums.WriteRowWeights(micro, weights);
        _model.Backward(weights);
        Times = Times.AfterBackward(started);
    }

    /// <summary>Waits for the last micro-batch's losses, as late as they must be read: a device then has all its work before the wait.</summary>
    void ReadLosses(Batch micro, ref LossSums sums)
    {
        Span<float> nats = _nats.AsSpan(0, micro.TargetTokenCount);
        _model.Backend.Download(_model.TokenNats, nats);
        sums.Add(micro, nats);
    }

    StepReport Finish(Batch last, LossSums sums, int tokens)
    {
        long started = Stopwatch.GetTimestamp();
        _model.Backend.Kernels.GradientNorm.Forward(_model.Parameters.AllGradients, _norm);
        ReadLosses(last, ref sums);
        _model.Backend.Download(_norm, _hostNorm);
        StepCount++;
        double rate = _schedule.At(StepCount);
        bool isFinite = float.IsFinite(_hostNorm[0]) && double.IsFinite(sums.Loss);
        if (isFinite)
        {
            _optimizer.Apply(_norm, rate, _settings.Clip);
            SkippedInARow = 0;
        }
        else if (++SkippedInARow > _settings.MaxSkippedSteps)
        {
            throw new NonFiniteLossException(StepCount, SkippedInARow, NonFiniteGradients());
        }
        ClearGradients();
        Times = Times.AfterOptimizer(started);
        return new StepReport(StepCount, sums.Loss, sums.LabelLoss, sums.RationaleLoss, _hostNorm[0],
            _optimizer.UsesSchedule ? rate : null, tokens, !isFinite);
    }

    void ClearGradients()
    {
        Tensor gradients = _model.Parameters.AllGradients;
        using var _ = Trace.Op("gradients.clear", new Cost(0, sizeof(float) * gradients.Count));
        _model.Backend.Fill(gradients, 0);
    }

    List<string> NonFiniteGradients()
    {
        var names = new List<string>();
        for (int i = 0; i < _model.Parameters.Specs.Count; i++)
        {
            Tensor gradient = _model.Parameters.Gradient(new ParameterId(i));
            if (gradient.Shape.D1 == 1) gradient = gradient.Reshape(new(1, gradient.Shape.D0));
            _model.Backend.Kernels.GradientNorm.Forward(gradient, _norm);
            _model.Backend.Download(_norm, _hostNorm);
            if (!float.IsFinite(_hostNorm[0])) names.Add(gradient.Name);
        }
        return names;
    }
}
