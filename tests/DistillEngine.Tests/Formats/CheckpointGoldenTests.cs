using DistillEngine.Core;
using DistillEngine.Formats;
using Xunit;

namespace DistillEngine.Tests.Formats;

public class CheckpointGoldenTests
{
    const string StrayBias = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

    public static TheoryData<string> Origins => [GoldenFolders.Repository, GoldenFolders.Shared, GoldenFolders.Environment];

    [Theory, MemberData(nameof(Origins))]
    public void Open_EveryLayoutOfAModel_GivesTheSameBits(string origin)
    {
        int compared = 0;
        foreach (string root in GoldenFolders.Roots(origin))
        {
            var cases = HuggingFaceConfig.Load(Path.Combine(root, "checkpoints", "case.json"));
            foreach (string folder in Directory.EnumerateDirectories(Path.Combine(root, "checkpoints")))
            {
                string model = Path.GetFileName(folder).Split('-')[0];
                if (!cases.Contains(model)) continue;
                string expectedFolder = Path.Combine(root, cases.GetString(model));
                if (!Directory.Exists(expectedFolder)) continue;
                using var expected = ModelWeights.Open(expectedFolder);
                using var actual = ModelWeights.Open(folder);
                AssertSameBits(expected, actual);
                compared++;
            }
        }
        Assert.NotEqual(0, compared);
    }

    [Theory, MemberData(nameof(Origins))]
    public void Open_WhenAPickleNamesAnotherGlobal_RefusesAndRunsNothing(string origin)
    {
        foreach (string root in GoldenFolders.Roots(origin))
        {
            string folder = Path.Combine(root, "checkpoints", "evil-bin");
            if (!Directory.Exists(folder)) continue;
            var error = Assert.Throws<InvalidDataException>(() => ModelWeights.Open(folder));
            Assert.StartsWith(folder, error.Message);
            Assert.Contains("posix.system", error.Message);
            Assert.Contains("at byte ", error.Message);
        }
    }

    /// <summary>Every parameter of the model is there and equal; 16-bit files hold the rounded values; what a file holds besides is a tie or a known
    /// stray.</summary>
    static void AssertSameBits(TensorSource expected, TensorSource actual)
    {
        foreach (string name in expected.Names)
        {
            var (want, got) = (Values(expected, name), Values(actual, name));
            var type = actual.Info(name).DType;
            Assert.Equal(expected.Info(name).Shape, actual.Info(name).Shape);
            for (int i = 0; i < want.Length; i++)
            {
                float rounded = type switch
                {
                    DType.F16 => (float)(Half)want[i],
                    DType.BF16 => RoundToBFloat16(want[i]),
                    _ => want[i],
                };
                Assert.True(BitConverter.SingleToInt32Bits(rounded) == BitConverter.SingleToInt32Bits(got[i]),
                    $"{actual.Path}: {name}[{i}] is {got[i]:R}, expected {rounded:R}.");
            }
        }
        foreach (string name in actual.Names.Except(expected.Names))
        {
            if (name == StrayBias) continue;
            Assert.Contains(name, new[] { "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight" });
            Assert.Equal(Values(actual, "shared.weight"), Values(actual, name));
        }
    }

    static float[] Values(TensorSource source, string name)
    {
        float[] values = new float[source.Info(name).Count];
        source.Read(name, values);
        return values;
    }

    /// <summary>Rounds in double: the 8 kept bits of the significand, ties to even.</summary>
    static float RoundToBFloat16(float value)
    {
        if (value == 0) return value;
        double step = Math.ScaleB(1, Math.ILogB(value) - 7);
        return (float)(Math.Round(value / step, MidpointRounding.ToEven) * step);
    }
}
