using DistillEngine.Core;
using DistillEngine.Model;

namespace DistillEngine.Benchmarks;

/// <summary>What a whole greedy generation must do at the least.</summary>
/// <param name="Encoder">Encoder, and the keys and values that the decoder takes from its output, once.</param>
/// <param name="Step">A decoding step of mean length: every weight of decoder and head once, and the keys and values seen so far.</param>
public readonly record struct DecodeWork(ProductWork Encoder, ProductWork Step)
{
    /// <param name="batch">The sources.</param>
    /// <param name="tokens">New tokens of each.</param>
    /// <param name="weights">How matrices are held.</param>
    /// <param name="cache">How keys and values are kept.</param>
    public static DecodeWork Of(T5Config config, Batch batch, int tokens, WeightForm weights, DType cache = DType.F32)
    {
        long decoderBytes = T5Model.BytesPerToken(config, weights);
        // The encoder's matrices are held as the decoder's are, in the same proportions.
        double bytesOfWeight = (double)decoderBytes / ProductFlops.DecoderWeights(config);
        // Step t of T reads t + 1 keys of its own: (T + 1)/2 on average, in halves to stay whole.
        long keysTwice = (long)batch.SequenceCount * (tokens + 1) + 2L * batch.SourceTokenCount;
        long keyBytes = cache.SizeInBytes() * (long)config.DecoderLayers * config.InnerWidth * keysTwice;
        return new(
            Split(weights, ProductFlops.Encoder(config, batch), batch.SourceTokenCount, ProductFlops.EncoderWeights(config),
                ProductFlops.SensitiveWeights(config, config.EncoderLayers), (long)(bytesOfWeight * ProductFlops.EncoderWeights(config))),
            Split(weights, ProductFlops.DecodeStep(config, batch.SequenceCount, keysTwice / 2), batch.SequenceCount, ProductFlops.DecoderWeights(config),
                ProductFlops.SensitiveWeights(config, config.DecoderLayers), decoderBytes + keyBytes));
    }

    /// <summary>Operands of most products with weights of a form.</summary>
    public static PeakKind OperandsOf(WeightForm weights) => weights switch
    {
        WeightForm.F32 or WeightForm.PackedF32 => PeakKind.Fp32,
        WeightForm.BF16 => PeakKind.Bf16,
        _ => PeakKind.Int8,
    };

    /// <summary>What is no product with a weight is attention, in float32.</summary>
    /// <param name="sensitive">Weights that stay bfloat16 in forms of fewer bits.</param>
    static ProductWork Split(WeightForm form, long flops, long rows, long weights, long sensitive, long bytes)
    {
        long maps = 2 * rows * weights, kept = 2 * rows * sensitive;
        return form switch
        {
            WeightForm.F32 or WeightForm.PackedF32 => new(flops, 0, 0, bytes),
            WeightForm.BF16 => new(flops - maps, maps, 0, bytes),
            _ => new(flops - maps, kept, maps - kept, bytes),
        };
    }

    /// <summary>Of the whole generation: the encoder, then one step for each token, each at the peak or the bandwidth, whichever takes longer.</summary>
    public double Seconds(Roof roof, int tokens) => roof.Seconds(Encoder) + tokens * roof.Seconds(Step);
}
