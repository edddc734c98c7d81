using BenchmarkDotNet.Attributes;
using DistillEngine.Core;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Bench;

/// <summary>One training step of T5 v1.1 small with random weights: batch 8, source 64, target 32, AdamW, dropout 0.1.</summary>
public class StepBenchmark : OpBenchmark
{
    const int Rows = 8, SourceLength = 64, TargetLength = 32;

    readonly Batch[] _batches = new Batch[1];
    T5Model _model = null!;
    IOptimizer _optimizer = null!;
    Trainer _trainer = null!;

    static T5Config Config => T5Presets.Find("v1.1-small")!;

    [GlobalSetup]
    public void Setup()
    {
        BatchLimits limits = BatchLimits.Full(Rows, SourceLength, TargetLength);
        _model = new T5Model(Config, limits, Backend, training: true);
        _model.Initialize(1);
        _optimizer = Optimizers.Create(new OptimizerOptions { LearningRate = 1e-4 }, _model.Parameters, Ops, Backend);
        _trainer = new Trainer(_model, _optimizer, LearningRateSchedule.Create("constant", 1e-4, 0, 1_000_000), new TrainerSettings());
        _batches[0] = Fill(new Batch(limits), TargetLength);
    }

    [Benchmark]
    public void Step() => _trainer.Step(_batches);

    [Benchmark]
    public void Forward() => _model.Forward(_batches[0], DropoutSettings.Off);

    protected override void Release()
    {
        _trainer?.Dispose();
        _optimizer?.Dispose();
        _model?.Dispose();
    }

    public override Cost CostOf(string benchmark) => StepCost(Config, benchmark == nameof(Step));

    static Batch Fill(Batch batch, int targetLength)
    {
        var random = new Random(1);
        int[] source = new int[SourceLength], target = new int[targetLength];
        for (int row = 0; row < Rows; row++)
        {
            for (int i = 0; i < source.Length; i++) source[i] = random.Next(3, 32_000);
            for (int i = 0; i < target.Length; i++) target[i] = random.Next(3, 32_000);
            batch.Add(source, target, TaskKind.Label, 1, 2 * row);
        }
        return batch;
    }

    /// <summary>The products of the linear maps and of attention, forward once or with the backward's two; and AdamW's memory traffic.</summary>
    static Cost StepCost(T5Config c, bool training)
    {
        long sources = Rows * SourceLength, targets = Rows * TargetLength, maps = 0, attention = 0;
        long attentionMap = 4L * c.DModel * c.InnerWidth, feedForward = 3L * c.DModel * c.DFeedForward;
        maps += c.EncoderLayers * sources * (attentionMap + feedForward);
        maps += c.DecoderLayers * (targets * (attentionMap + attentionMap / 2 + feedForward) + sources * attentionMap / 2);
        maps += targets * c.DModel * c.VocabularySize;
        attention += c.EncoderLayers * (2L * Rows * SourceLength * SourceLength * c.InnerWidth);
        attention += c.DecoderLayers * (2L * Rows * TargetLength * (SourceLength + TargetLength / 2) * c.InnerWidth);
        long parameters = T5Model.Declare(c).Sum(s => s.Shape.Count);
        return training
            ? new(3 * 2 * (maps + attention), 7 * sizeof(float) * parameters)
            : new(2 * (maps + attention), sizeof(float) * parameters);
    }
}
