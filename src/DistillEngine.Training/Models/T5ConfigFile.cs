using DistillEngine.Formats;
using DistillEngine.Model;

namespace DistillEngine.Training;

/// <summary>T5 configurations as Hugging Face's <c>config.json</c>, written by transformers 4 or 5.</summary>
/// <remarks>Source: configuration_t5.py, configuration_mt5.py. Keys that mean nothing here stay as they are.</remarks>
public static class T5ConfigFile
{
    /// <param name="file">A parsed config.json.</param>
    /// <param name="headDiffers">Whether the weights hold an <c>lm_head.weight</c> unlike <c>shared.weight</c>; null where there are no weights
    /// to look at. transformers 5 writes <c>tie_word_embeddings: true</c> even for v1.1, so the weights decide.</param>
    /// <exception cref="InvalidDataException">A key is missing, of the wrong type, or impossible; the message starts with the path.</exception>
    public static T5Config Read(HuggingFaceConfig file, bool? headDiffers)
    {
        string type = file.GetString("model_type");
        if (type is not ("t5" or "mt5")) throw Wrong(file, "model_type", type, "t5 or mt5");
        bool isMultilingual = type == "mt5";
        int layers = file.GetInt32("num_layers", min: 1);
        // mT5's class default is untied; T5's is tied.
        bool tie = file.GetBooleanOrDefault("tie_word_embeddings", !isMultilingual);
        var config = new T5Config
        {
            ModelType = type,
            VocabularySize = file.GetInt32("vocab_size", min: 1),
            DModel = file.GetInt32("d_model", min: 1),
            DKv = file.GetInt32("d_kv", min: 1),
            DFeedForward = file.GetInt32("d_ff", min: 1),
            EncoderLayers = layers,
            DecoderLayers = file.GetInt32OrDefault("num_decoder_layers", layers, min: 1),
            Heads = file.GetInt32("num_heads", min: 1),
            RelativeBuckets = file.GetInt32OrDefault("relative_attention_num_buckets", 32, min: 1),
            RelativeMaxDistance = file.GetInt32OrDefault("relative_attention_max_distance", 128, min: 1),
            Epsilon = (float)file.GetDoubleOrDefault("layer_norm_epsilon", 1e-6),
            FeedForward = ReadFeedForward(file, isMultilingual),
            TiedHead = headDiffers is { } differs ? !differs : tie,
            ScaleDecoderOutputs = file.GetBooleanOrDefault("scale_decoder_outputs", tie),
            DropoutRate = (float)file.GetDoubleOrDefault("dropout_rate", 0.1),
            InitializerFactor = (float)file.GetDoubleOrDefault("initializer_factor", 1),
            PadId = file.GetInt32OrDefault("pad_token_id", 0, min: 0),
            EosId = file.GetInt32OrDefault("eos_token_id", 1, min: 0),
            DecoderStartId = file.GetInt32OrDefault("decoder_start_token_id", 0, min: 0),
        };
        try
        {
            config.Validate();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{file.Path}: {e.Message} Correct the configuration, or use the one that came with the weights.", e);
        }
        return config;
    }

    /// <summary>Sets every key that defines the model; transformers 4 and 5 read the result alike.</summary>
    public static void Write(T5Config config, HuggingFaceConfig file)
    {
        bool isGated = config.FeedForward == FeedForwardKind.GatedGelu;
        file.Set("architectures", [config.ModelType == "mt5" ? "MT5ForConditionalGeneration" : "T5ForConditionalGeneration"]);
        file.Set("model_type", config.ModelType);
        file.Set("is_encoder_decoder", true);
        file.Set("vocab_size", config.VocabularySize);
        file.Set("d_model", config.DModel);
        file.Set("d_kv", config.DKv);
        file.Set("d_ff", config.DFeedForward);
        file.Set("num_layers", config.EncoderLayers);
        file.Set("num_decoder_layers", config.DecoderLayers);
        file.Set("num_heads", config.Heads);
        file.Set("relative_attention_num_buckets", config.RelativeBuckets);
        file.Set("relative_attention_max_distance", config.RelativeMaxDistance);
        file.Set("layer_norm_epsilon", Shortest(config.Epsilon));
        file.Set("feed_forward_proj", isGated ? "gated-gelu" : "relu");
        file.Set("dense_act_fn", isGated ? "gelu_new" : "relu");
        file.Set("is_gated_act", isGated);
        file.Set("tie_word_embeddings", config.TiedHead);
        if (config.ScaleDecoderOutputs == config.TiedHead) file.Remove("scale_decoder_outputs");
        else file.Set("scale_decoder_outputs", config.ScaleDecoderOutputs);
        file.Set("dropout_rate", Shortest(config.DropoutRate));
        file.Set("initializer_factor", Shortest(config.InitializerFactor));
        file.Set("pad_token_id", config.PadId);
        file.Set("eos_token_id", config.EosId);
        file.Set("decoder_start_token_id", config.DecoderStartId);
        file.Remove("dtype");
        file.Set("torch_dtype", "float32");
    }

    /// <summary>The few keys by which Hugging Face's generate starts, ends and pads.</summary>
    public static void WriteGeneration(T5Config config, HuggingFaceConfig file)
    {
        file.Set("decoder_start_token_id", config.DecoderStartId);
        file.Set("eos_token_id", config.EosId);
        file.Set("pad_token_id", config.PadId);
    }

    // A float's own decimal digits, so that 1e-6 is not written as 9.99999997e-07.
    static double Shortest(float value) => double.Parse(value.ToString("R"));

    static FeedForwardKind ReadFeedForward(HuggingFaceConfig file, bool isMultilingual)
    {
        string name = file.GetStringOrDefault("feed_forward_proj", isMultilingual ? "gated-gelu" : "relu");
        return name switch
        {
            "relu" => FeedForwardKind.Relu,
            "gated-gelu" => FeedForwardKind.GatedGelu,
            _ => throw Wrong(file, "feed_forward_proj", name, "relu (T5 v1.0) or gated-gelu (v1.1, Flan-T5, mT5)"),
        };
    }

    static InvalidDataException Wrong(HuggingFaceConfig file, string key, string got, string expected) =>
        new($"{file.Path}: {key} is '{got}', expected {expected}. Only T5 models can be loaded.");
}
