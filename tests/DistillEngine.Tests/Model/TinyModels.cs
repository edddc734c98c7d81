using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

/// <summary>Models of every form, small enough for hundreds of passes: heads · d_kv differs from d_model in all of them, and the decoder is deeper
/// than the encoder, shallower, or as deep.</summary>
static class TinyModels
{
    public const string Version10 = "v1.0";
    public const string Version11 = "v1.1";
    public const string Multilingual = "mt5";

    public const int Vocabulary = 40;

    static readonly Dictionary<string, T5Config> Configs = new()
    {
        [Version10] = new()
        {
            VocabularySize = Vocabulary, DModel = 16, DKv = 6, Heads = 3, DFeedForward = 24, EncoderLayers = 1, DecoderLayers = 2,
            FeedForward = FeedForwardKind.Relu, TiedHead = true, ScaleDecoderOutputs = true, RelativeBuckets = 8, RelativeMaxDistance = 10,
        },
        [Version11] = new()
        {
            VocabularySize = Vocabulary, DModel = 16, DKv = 4, Heads = 2, DFeedForward = 20, EncoderLayers = 3, DecoderLayers = 1,
            FeedForward = FeedForwardKind.GatedGelu, TiedHead = false, ScaleDecoderOutputs = false, RelativeBuckets = 8, RelativeMaxDistance = 10,
        },
        [Multilingual] = new()
        {
            ModelType = "mt5", VocabularySize = Vocabulary, DModel = 12, DKv = 5, Heads = 4, DFeedForward = 28, EncoderLayers = 2, DecoderLayers = 2,
            FeedForward = FeedForwardKind.GatedGelu, TiedHead = false, ScaleDecoderOutputs = false,
        },
    };

    public static TheoryData<string> Names => [.. Configs.Keys];

    public static BatchLimits Limits { get; } = BatchLimits.Full(8, 12, 12);

    public static T5Config Config(string name) => Configs[name];

    public static T5Model Create(string name, IBackend backend, bool training = true) => Create(Config(name), backend, training);

    public static T5Model Create(T5Config config, IBackend backend, bool training = true)
    {
        var model = new T5Model(config, Limits, backend, training);
        model.Initialize(5);
        return model;
    }

    /// <summary>Three ragged sequences, the shortest with one source token; a label that does not count in the last.</summary>
    public static Batch Ragged()
    {
        var batch = new Batch(Limits);
        batch.Add([3, 4, 5, 6, 7, 8, 9, 10, 11, 1], [12, 13, 14, 15, 1], TaskKind.Label, 1, 0);
        batch.Add([16, 1], [17, 1], TaskKind.Rationale, 1, 1);
        batch.Add([18, 19, 18, 20, 1], [21, Batch.IgnoredLabel, 22, 21, 12, 12, 1], TaskKind.Rationale, 1, 2);
        return batch;
    }

    /// <summary>One sequence of a batch, alone, under the number it has there.</summary>
    public static Batch Alone(Batch batch, int sequence)
    {
        var alone = new Batch(Limits);
        Append(batch, sequence, alone);
        return alone;
    }

    /// <summary>The sequences of a batch in another order, each under the number it has there.</summary>
    public static Batch Reordered(Batch batch, params int[] order)
    {
        var reordered = new Batch(Limits);
        foreach (int sequence in order) Append(batch, sequence, reordered);
        return reordered;
    }

    /// <summary>Weights that differ from row to row.</summary>
    public static float[] RowWeights(Batch batch) => [.. Enumerable.Range(0, batch.TargetTokenCount).Select(row => 0.1f + 0.05f * (row % 7))];

    public static float[] Nats(T5Model model) => Read(model.TokenNats);

    public static float[] Read(Tensor tensor) => tensor.HostSpan<float>().ToArray();

    public static float[] Gradients(T5Model model) => Read(model.Parameters.AllGradients);

    public static void ClearGradients(T5Model model) => model.Backend.Fill(model.Parameters.AllGradients, 0);

    static void Append(Batch from, int s, Batch to) => to.Add(
        from.SourceIds.AsSpan(from.SourceStarts[s]..from.SourceStarts[s + 1]), from.Labels.AsSpan(from.TargetStarts[s]..from.TargetStarts[s + 1]),
        from.Tasks[s], from.Weights[s], from.SequenceIds[s]);
}
