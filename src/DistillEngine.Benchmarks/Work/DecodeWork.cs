using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Benchmarks;

/// <summary>What a whole greedy generation must do at the least.</summary>
/// <param name="Encoder">Encoder, and the keys and values that the decoder takes from its output, once.</param>
/// <param name="Step">A decoding step of mean length: every weight of decoder and head once, and the keys and values seen so far.</param>
public readonly record struct DecodeWork(Cost Encoder, Cost Step)
{
    /// <param name="batch">The sources.</param>
    /// <param name="tokens">New tokens of each.</param>
    /// <param name="weights">How matrices are held; keys and values are float32.</param>
    public static DecodeWork Of(T5Config config, Batch batch, int tokens, WeightForm weights)
    {
        long decoderBytes = T5Model.BytesPerToken(config, weights);
        // The encoder's matrices are held as the decoder's are, in the same proportions.
        double bytesOfWeight = (double)decoderBytes / ProductFlops.DecoderWeights(config);
        // Step t of T reads t + 1 keys of its own: (T + 1)/2 on average, in halves to stay whole.
        long keysTwice = (long)batch.SequenceCount * (tokens + 1) + 2L * batch.SourceTokenCount;
        long keyBytes = sizeof(float) * (long)config.DecoderLayers * config.InnerWidth * keysTwice;
        return new(
            new Cost(ProductFlops.Encoder(config, batch), (long)(bytesOfWeight * ProductFlops.EncoderWeights(config))),
            new Cost(ProductFlops.DecodeStep(config, batch.SequenceCount, keysTwice / 2), decoderBytes + keyBytes));
    }

    /// <summary>Of the whole generation: the encoder, then one step for each token, each at the peak or the bandwidth, whichever takes longer.</summary>
    public double Seconds(Roof roof, int tokens) => roof.Seconds(Encoder) + tokens * roof.Seconds(Step);
}
