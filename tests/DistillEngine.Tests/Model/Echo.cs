using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using DistillEngine.Training;

namespace DistillEngine.Tests.Model;

/// <summary>A task that a small T5 learns within seconds: to say the source again, each word as its neighbour.</summary>
static class Echo
{
    /// <summary>Words of a source, and of its label, without <c>&lt;/s&gt;</c>.</summary>
    public const int Words = 4;

    /// <summary>Tokens of a label.</summary>
    public const int Length = Words + 1;

    const int FirstWord = 2, WordCount = 12, BatchSize = 32, Steps = 300, UnseenBatches = 4;

    static readonly T5Config Config = new()
    {
        VocabularySize = FirstWord + WordCount, DModel = 64, DKv = 16, Heads = 4, DFeedForward = 128, EncoderLayers = 2, DecoderLayers = 2,
        FeedForward = FeedForwardKind.GatedGelu, TiedHead = false, ScaleDecoderOutputs = false, RelativeBuckets = 16, RelativeMaxDistance = 16,
    };

    static readonly BatchLimits Limits = BatchLimits.Full(BatchSize, Words + 1, Length);

    /// <summary>A model that has learnt the task.</summary>
    public static T5Model Train(IBackend backend)
    {
        var model = new T5Model(Config, Limits, backend, training: true);
        model.Initialize(1);
        using IOptimizer optimizer = Optimizers.Create(new() { Name = "adamw", LearningRate = 3e-3 }, model.Parameters, backend.Kernels, backend);
        using DeviceBuffer buffer = backend.Allocate(sizeof(float), "gradient norm");
        var norm = new Tensor(buffer, 0, new(1), DType.F32, "gradient norm");
        float[] weights = [.. Enumerable.Repeat(1f / (BatchSize * Length), BatchSize * Length)];
        var random = new Random(1);
        for (int step = 0; step < Steps; step++)
        {
            model.Forward(Draw(random), DropoutSettings.Off);
            model.Backward(weights);
            backend.Kernels.GradientNorm.Forward(model.Parameters.AllGradients, norm);
            optimizer.Apply(norm, 3e-3 * Math.Min(1, 2 * (1 - step / (double)Steps)), 1);
            backend.Fill(model.Parameters.AllGradients, 0);
        }
        return model;
    }

    /// <summary>Sources that training did not draw, but by accident.</summary>
    public static IEnumerable<Batch> Unseen()
    {
        var random = new Random(2);
        for (int i = 0; i < UnseenBatches; i++) yield return Draw(random);
    }

    public static ReadOnlySpan<int> Label(Batch batch, int sequence) =>
        batch.Labels.AsSpan(batch.TargetStarts[sequence]..batch.TargetStarts[sequence + 1]);

    static Batch Draw(Random random)
    {
        var batch = new Batch(Limits);
        Span<int> source = stackalloc int[Words + 1], label = stackalloc int[Length];
        for (int row = 0; row < BatchSize; row++)
        {
            for (int i = 0; i < Words; i++)
            {
                int word = random.Next(WordCount);
                (source[i], label[i]) = (FirstWord + word, FirstWord + (word + 1) % WordCount);
            }
            (source[Words], label[Words]) = (Config.EosId, Config.EosId);
            batch.Add(source, label, TaskKind.Label, 1, row);
        }
        return batch;
    }
}
