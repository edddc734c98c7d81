using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;

namespace DistillEngine.Benchmarks;

/// <summary>Floating-point operations of all matrix products of a T5, counted from the shapes: linear maps, attention over the keys that each
/// query sees, and the head. A multiply-add counts two.</summary>
public static class ProductFlops
{
    /// <summary>A backward has two products for each of the forward.</summary>
    public static long Step(T5Config config, Batch batch) => 3 * Forward(config, batch);

    /// <summary>Encoder, decoder and head.</summary>
    public static long Forward(T5Config config, Batch batch)
    {
        long decoder = Linear(batch.TargetTokenCount, DecoderWeights(config)), attention = 0;
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            int source = batch.SourceStarts[s + 1] - batch.SourceStarts[s], target = batch.TargetStarts[s + 1] - batch.TargetStarts[s];
            attention += AttentionCost.Pairs(new(0, target, 0, target, 0, 0), Masking.Causal)
                + AttentionCost.Pairs(new(0, target, 0, source, 0, 0), Masking.None);
        }
        return Encoder(config, batch) + decoder + AttentionProducts(config, config.DecoderLayers, attention);
    }

    /// <summary>What comes before the first token: the encoder, and the keys and values that the decoder takes from its output.</summary>
    public static long Encoder(T5Config config, Batch batch)
    {
        long attention = 0;
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            int source = batch.SourceStarts[s + 1] - batch.SourceStarts[s];
            attention += AttentionCost.Pairs(new(0, source, 0, source, 0, 0), Masking.None);
        }
        return Linear(batch.SourceTokenCount, EncoderWeights(config)) + AttentionProducts(config, config.EncoderLayers, attention);
    }

    /// <summary>One decoding step: the next token of each of some sequences.</summary>
    /// <param name="sequences">Sequences that decode together.</param>
    /// <param name="keys">Keys of earlier tokens and of the source that they see, all sequences together.</param>
    public static long DecodeStep(T5Config config, int sequences, long keys) =>
        Linear(sequences, DecoderWeights(config)) + AttentionProducts(config, config.DecoderLayers, keys);

    /// <summary>Elements of the maps that every source token passes through.</summary>
    public static long EncoderWeights(T5Config c) =>
        c.EncoderLayers * (4 * AttentionMap(c) + FeedForward(c)) + c.DecoderLayers * 2 * AttentionMap(c);

    /// <summary>Elements of the maps that every target token passes through: the decoder without its source's keys and values, and the head.</summary>
    public static long DecoderWeights(T5Config c) =>
        c.DecoderLayers * (6 * AttentionMap(c) + FeedForward(c)) + (long)c.DModel * c.VocabularySize;

    /// <summary>Elements of the second maps of the feed-forward in so many layers.</summary>
    public static long SensitiveWeights(T5Config c, int layers) => (long)layers * c.DModel * c.DFeedForward;

    static long AttentionMap(T5Config c) => (long)c.DModel * c.InnerWidth;

    static long FeedForward(T5Config c) => (c.FeedForward == FeedForwardKind.GatedGelu ? 3L : 2L) * c.DModel * c.DFeedForward;

    static long Linear(long rows, long weights) => 2 * rows * weights;

    /// <summary>q kᵀ and p v of every pair in every layer.</summary>
    static long AttentionProducts(T5Config c, int layers, long pairs) => 4L * layers * pairs * c.InnerWidth;
}
