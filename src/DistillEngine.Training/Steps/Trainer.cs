using DistillEngine.Core;
using DistillEngine.Data.Batching;
using DistillEngine.Model;

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
    int _skipped;

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

    /// <summary>Continues after a step that a checkpoint was taken at.</summary>
    public void Resume(long stepCount) => StepCount = stepCount;

    /// <summary>Takes the next step's rows from <paramref name="batches"/> and learns from them.</summary>
    /// <exception cref="NonFiniteLossException">Too many steps in a row had a loss or gradient that is no number.</exception>
    public StepReport Step(Batcher batches)
    {
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
        _model.Forward(micro, new DropoutSettings(_settings.Dropout, _settings.Seed, StepCount + 1));
        Span<float> weights = _rowWeights.AsSpan(0, micro.TargetTokenCount);
        sums.BeginMicroBatch(micro);
        sums.WriteRowWeights(micro, weights);
        _model.Backward(weights);
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
        _model.Backend.Kernels.GradientNorm.Forward(_model.Parameters.AllGradients, _norm);
        ReadLosses(last, ref sums);
        _model.Backend.Download(_norm, _hostNorm);
        StepCount++;
        double rate = _schedule.At(StepCount);
        bool isFinite = float.IsFinite(_hostNorm[0]) && double.IsFinite(sums.Loss);
        if (isFinite)
        {
            _optimizer.Apply(_norm, rate, _settings.Clip);
            _skipped = 0;
        }
        else if (++_skipped > _settings.MaxSkippedSteps)
        {
            throw new NonFiniteLossException(StepCount, _skipped, NonFiniteGradients());
        }
        _model.Backend.Fill(_model.Parameters.AllGradients, 0);
        return new StepReport(StepCount, sums.Loss, sums.LabelLoss, sums.RationaleLoss, _hostNorm[0],
            _optimizer.UsesSchedule ? rate : null, tokens, !isFinite);
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
