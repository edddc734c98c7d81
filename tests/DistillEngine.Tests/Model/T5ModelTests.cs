using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class T5ModelTests
{
    public static TheoryData<string, bool> Plans => new(
        from name in (string[])[TinyModels.Version10, TinyModels.Version11, TinyModels.Multilingual]
        from training in (bool[])[true, false]
        select new TheoryDataRow<string, bool>(name, training));

    public static TheoryData<string, T5Config, string> Impossible => new()
    {
        { "no heads", Good with { Heads = 0 }, "num_heads is 0" },
        { "no decoder", Good with { DecoderLayers = 0 }, "num_decoder_layers is 0" },
        { "negative width", Good with { DModel = -4 }, "d_model is -4" },
        { "endless depth", Good with { EncoderLayers = int.MaxValue }, "num_layers is 2147483647" },
        { "dropout of one", Good with { DropoutRate = 1 }, "dropout_rate is 1" },
        { "dropout that is no number", Good with { DropoutRate = float.NaN }, "dropout_rate is NaN" },
        { "epsilon of zero", Good with { Epsilon = 0 }, "layer_norm_epsilon is 0" },
        { "end outside the vocabulary", Good with { EosId = TinyModels.Vocabulary }, "eos_token_id is 40" },
        { "start outside the vocabulary", Good with { DecoderStartId = -1 }, "decoder_start_token_id is -1" },
        { "inner width beyond 31 bits", Good with { Heads = 65536, DKv = 65536 }, "num_heads · d_kv is 4294967296" },
    };

    static T5Config Good => TinyModels.Config(TinyModels.Version11);

    [Theory, MemberData(nameof(Plans))]
    public void Measure_EqualsWhatIsAllocated(string name, bool training)
    {
        using var backend = new CountingBackend(CpuBackend.Open(1));
        MemoryNeeds needs = T5Model.Measure(TinyModels.Config(name), TinyModels.Limits, training);
        using T5Model model = TinyModels.Create(name, backend, training);
        Assert.Equal(backend.Allocated.Values.Sum(), needs.Total);
        Assert.Equal(backend.Allocated["parameters"], needs.Parameters);
        Assert.Equal(backend.Allocated.GetValueOrDefault("gradients"), needs.Gradients);
        Assert.Equal((backend.Allocated["activations"], model.ActivationBytes), (needs.Activations, needs.Activations));
    }

    [Fact]
    public void ByteLength_OfAGenerator_EqualsWhatItAllocates()
    {
        using var backend = new CountingBackend(CpuBackend.Open(1));
        using T5Model model = TinyModels.Create(TinyModels.Version10, backend, training: false);
        backend.Allocated.Clear();
        using var generator = new GreedyGenerator(model, 7);
        Assert.Equal(backend.Allocated.Values.Sum(),
            GreedyGenerator.ByteLength(model.Config, TinyModels.Limits.MaxSequences, 7, TinyModels.Limits.MaxSourceTokens));
    }

    [Theory, MemberData(nameof(Plans))]
    public void Declare_GivesTheNamesAndShapesOfTheModel(string name, bool training)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend, training);
        Assert.Equal(T5Model.Declare(model.Config), model.Parameters.Specs);
        Assert.Equal(model.Config.TiedHead, model.Parameters.Specs.All(spec => spec.Name != "lm_head.weight"));
    }

    // Hugging Face's model.num_parameters() of the published configurations.
    [Theory]
    [InlineData("v1.0-small", 60_506_624)]
    [InlineData("v1.0-base", 222_903_552)]
    [InlineData("v1.1-small", 76_961_152)]
    [InlineData("v1.1-base", 247_577_856)]
    [InlineData("mt5-small", 300_176_768)]
    public void Presets_HaveThePublishedCountOfParameters(string name, long count) =>
        Assert.Equal(count, T5Model.Declare(T5Presets.Find(name)!).Sum(spec => spec.Shape.Count));

    [Fact]
    public void Presets_AreAllSound()
    {
        foreach (string name in T5Presets.Names) T5Presets.Find(name)!.Validate();
        Assert.Null(T5Presets.Find("v1.1-huge"));
    }

    [Theory]
    [InlineData(1, 128)]
    [InlineData(128, 128)]
    [InlineData(129, 256)]
    [InlineData(32_100, 32_128)]
    public void WithVocabulary_RoundsUpToWholeBlocks(int tokenizer, int rows) => Assert.Equal(rows, Good.WithVocabulary(tokenizer).VocabularySize);

    [Theory, MemberData(nameof(Impossible))]
    public void Constructor_OfAnImpossibleConfiguration_NamesTheSetting(string description, T5Config config, string message)
    {
        using var backend = CpuBackend.Open(1);
        var error = Assert.Throws<ArgumentException>(() => new T5Model(config, TinyModels.Limits, backend, training: true));
        Assert.True(error.Message.Contains(message, StringComparison.Ordinal), $"{description}: {error.Message}");
    }

    [Fact]
    public void Initialize_DrawsWithTheDeviationsOfTheReference()
    {
        T5Config config = Good with { DModel = 64, DKv = 16, Heads = 8, DFeedForward = 128, VocabularySize = 256 };
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(config, backend);
        const string Attention = "encoder.block.0.layer.0.SelfAttention.";
        Dictionary<string, double> expected = new()
        {
            ["shared.weight"] = 1, ["lm_head.weight"] = 1, [Attention + "q.weight"] = 1 / Math.Sqrt(64 * 16), [Attention + "k.weight"] = 1 / Math.Sqrt(64),
            [Attention + "v.weight"] = 1 / Math.Sqrt(64), [Attention + "o.weight"] = 1 / Math.Sqrt(8 * 16),
            ["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"] = 1 / Math.Sqrt(64),
            ["encoder.block.0.layer.1.DenseReluDense.wo.weight"] = 1 / Math.Sqrt(128),
        };
        foreach (var (name, deviation) in expected)
        {
            float[] values = TinyModels.Read(model.Parameters.Value(model.Parameters.Find(name)));
            // Five standard errors of a standard deviation and of a mean.
            double room = 5 * deviation / Math.Sqrt(values.Length);
            Assert.Equal(0, values.Average(), room);
            Assert.Equal(deviation, Math.Sqrt(values.Sum(v => (double)v * v) / values.Length), room / Math.Sqrt(2));
        }
        Assert.All(TinyModels.Read(model.Parameters.Value(model.Parameters.Find("encoder.block.0.layer.0.layer_norm.weight"))), v => Assert.Equal(1, v));
    }

    [Fact]
    public void Initialize_IsAFunctionOfTheSeed()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model a = TinyModels.Create(Good, backend), b = TinyModels.Create(Good, backend);
        Assert.Equal(TinyModels.Read(a.Parameters.AllValues), TinyModels.Read(b.Parameters.AllValues));
        b.Initialize(6);
        Assert.NotEqual(TinyModels.Read(a.Parameters.AllValues), TinyModels.Read(b.Parameters.AllValues));
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void Forward_AtAnImpossibleDropoutRate_NamesIt(float rate)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version10, backend);
        var e = Assert.Throws<ArgumentException>(() => model.Forward(TinyModels.Ragged(), new DropoutSettings(rate, 1, 1)));
        Assert.Contains($"t5.forward: expected a dropout rate of 0 to below 1, got {rate}", e.Message, StringComparison.Ordinal);
    }
}
