namespace DistillEngine.Model;

/// <summary>The feed-forward sub-layer's form.</summary>
public enum FeedForwardKind : byte
{
    /// <summary>T5 v1.0: wi → ReLU → wo.</summary>
    Relu,

    /// <summary>T5 v1.1, Flan-T5, mT5: gelu(wi_0 x) · (wi_1 x) → wo.</summary>
    GatedGelu,
}

/// <summary>Everything that defines a T5 but its weights. Names follow the field; defaults are Hugging Face's configuration_t5.py.</summary>
public sealed record T5Config
{
    // Far above any T5 (24), far below what would make declaring a model from a damaged file slow.
    const int MaxLayers = 1024;

    // Sixteen times the widest feed-forward of T5-11B: what is computed from widths stays within 31 or 63 bits.
    const int MaxWidth = 1 << 20;

    /// <summary><c>t5</c> or <c>mt5</c>; changes nothing but the configuration that is written.</summary>
    public string ModelType { get; init; } = "t5";

    /// <summary>Rows of the embedding; at least the tokenizer's ids.</summary>
    public int VocabularySize { get; init; } = 32128;

    public required int DModel { get; init; }

    /// <summary>Width of one head; heads · DKv need not be DModel.</summary>
    public int DKv { get; init; } = 64;

    public required int DFeedForward { get; init; }

    public required int EncoderLayers { get; init; }

    public required int DecoderLayers { get; init; }

    public required int Heads { get; init; }

    public int RelativeBuckets { get; init; } = 32;

    public int RelativeMaxDistance { get; init; } = 128;

    /// <summary>Added to the mean square in layer norms.</summary>
    public float Epsilon { get; init; } = 1e-6f;

    public required FeedForwardKind FeedForward { get; init; }

    /// <summary>Whether the head is the embedding.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>Whether the decoder's output is multiplied by DModel^−½ before the head (v1.0).</summary>
    public required bool ScaleDecoderOutputs { get; init; }

    /// <summary>Dropout probability while training, 0 … below 1.</summary>
    public float DropoutRate { get; init; } = 0.1f;

    /// <summary>Factor of all initial standard deviations.</summary>
    public float InitializerFactor { get; init; } = 1f;

    public int PadId { get; init; }

    public int EosId { get; init; } = 1;

    public int DecoderStartId { get; init; }

    /// <summary>Width of queries, keys and values: heads · DKv.</summary>
    public int InnerWidth => Heads * DKv;

    /// <summary>Factor of the logits: DModel^−½ or 1.</summary>
    public float LogitScale => ScaleDecoderOutputs ? (float)(1 / Math.Sqrt(DModel)) : 1f;

    /// <summary>Refuses settings that no T5 can have.</summary>
    /// <exception cref="ArgumentException">Names the setting, its value and what was expected.</exception>
    public void Validate()
    {
        AtLeastOne(VocabularySize, "vocab_size");
        Width(DModel, "d_model");
        Width(DKv, "d_kv");
        Width(DFeedForward, "d_ff");
        Layers(EncoderLayers, "num_layers");
        Layers(DecoderLayers, "num_decoder_layers");
        AtLeastOne(Heads, "num_heads");
        if ((long)Heads * DKv > MaxWidth) throw new ArgumentException($"num_heads · d_kv is {(long)Heads * DKv}, expected at most {MaxWidth}.");
        if (!(Epsilon > 0)) throw new ArgumentException($"layer_norm_epsilon is {Epsilon}, expected above 0.");
        if (!(DropoutRate is >= 0 and < 1)) throw new ArgumentException($"dropout_rate is {DropoutRate}, expected 0 to below 1.");
        if (!(InitializerFactor > 0)) throw new ArgumentException($"initializer_factor is {InitializerFactor}, expected above 0.");
        InVocabulary(PadId, "pad_token_id");
        InVocabulary(EosId, "eos_token_id");
        InVocabulary(DecoderStartId, "decoder_start_token_id");
        // The bucket tables state their own limits.
        _ = Kernels.RelativePositionBuckets.Build(bidirectional: true, RelativeBuckets, RelativeMaxDistance);
        _ = Kernels.RelativePositionBuckets.Build(bidirectional: false, RelativeBuckets, RelativeMaxDistance);
    }

    static void AtLeastOne(int value, string key)
    {
        if (value < 1) throw new ArgumentException($"{key} is {value}, expected at least 1.");
    }

    static void Width(int value, string key)
    {
        if (value is < 1 or > MaxWidth) throw new ArgumentException($"{key} is {value}, expected 1 to {MaxWidth}.");
    }

    static void Layers(int value, string key)
    {
        if (value is < 1 or > MaxLayers) throw new ArgumentException($"{key} is {value}, expected 1 to {MaxLayers}.");
    }

    void InVocabulary(int id, string key)
    {
        if ((uint)id >= (uint)VocabularySize) throw new ArgumentException($"{key} is {id}, expected 0 to vocab_size − 1 = {VocabularySize - 1}.");
    }
}
