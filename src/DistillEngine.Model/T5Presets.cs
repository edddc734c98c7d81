namespace DistillEngine.Model;

/// <summary>The configurations that have a name.</summary>
/// <remarks>Source: t5x gin files t5_1_0, t5_1_1 and mt5; v1.1's are Flan-T5's too. <c>tiny</c> and <c>mini</c> are ours, of v1.1's form.</remarks>
public static class T5Presets
{
    const int MultilingualVocabulary = 250112;

    /// <summary>Vocabularies of models trained from scratch are padded to whole blocks; T5 pads its 32,100 ids to 32,128 likewise.</summary>
    const int VocabularyBlock = 128;

    static readonly Dictionary<string, T5Config> ByName = new(StringComparer.Ordinal)
    {
        ["tiny"] = Version11(64, 4, 2, 128, dKv: 16),
        ["mini"] = Version11(256, 4, 4, 512),
        ["v1.0-small"] = Version10(512, 8, 6, 2048),
        ["v1.0-base"] = Version10(768, 12, 12, 3072),
        ["v1.0-large"] = Version10(1024, 16, 24, 4096),
        ["v1.0-3b"] = Version10(1024, 32, 24, 16384, dKv: 128),
        ["v1.0-11b"] = Version10(1024, 128, 24, 65536, dKv: 128),
        ["v1.1-small"] = Version11(512, 6, 8, 1024),
        ["v1.1-base"] = Version11(768, 12, 12, 2048),
        ["v1.1-large"] = Version11(1024, 16, 24, 2816),
        ["v1.1-xl"] = Version11(2048, 32, 24, 5120),
        ["v1.1-xxl"] = Version11(4096, 64, 24, 10240),
        ["mt5-small"] = Multilingual(512, 6, 8, 1024),
        ["mt5-base"] = Multilingual(768, 12, 12, 2048),
        ["mt5-large"] = Multilingual(1024, 16, 24, 2816),
        ["mt5-xl"] = Multilingual(2048, 32, 24, 5120),
        ["mt5-xxl"] = Multilingual(4096, 64, 24, 10240),
    };

    /// <summary>All names, smallest family first.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The configuration of this name, or null.</summary>
    public static T5Config? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>A model trained from scratch takes its vocabulary from its tokenizer, padded to a whole block.</summary>
    public static T5Config WithVocabulary(this T5Config config, int tokenizerSize) =>
        config with { VocabularySize = (tokenizerSize + VocabularyBlock - 1) / VocabularyBlock * VocabularyBlock };

    static T5Config Version10(int dModel, int heads, int layers, int dFeedForward, int dKv = 64) => new()
    {
        DModel = dModel, Heads = heads, EncoderLayers = layers, DecoderLayers = layers, DFeedForward = dFeedForward, DKv = dKv,
        FeedForward = FeedForwardKind.Relu, TiedHead = true, ScaleDecoderOutputs = true,
    };

    static T5Config Version11(int dModel, int heads, int layers, int dFeedForward, int dKv = 64) =>
        Version10(dModel, heads, layers, dFeedForward, dKv) with
        {
            FeedForward = FeedForwardKind.GatedGelu,
            TiedHead = false,
            ScaleDecoderOutputs = false,
        };

    static T5Config Multilingual(int dModel, int heads, int layers, int dFeedForward) =>
        Version11(dModel, heads, layers, dFeedForward) with { ModelType = "mt5", VocabularySize = MultilingualVocabulary };
}
