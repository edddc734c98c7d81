using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class GradientTests
{
    static readonly DropoutSettings Dropout = new(0.2f, Seed: 3, Step: 2);

    public static TheoryData<string> Names => TinyModels.Names;

    [Theory, MemberData(nameof(Names))]
    public void Backward_ReachesEveryParameterThatTheLossDependsOn(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged();
        model.Forward(batch, DropoutSettings.Off);
        model.Backward(TinyModels.RowWeights(batch));
        for (int i = 0; i < model.Parameters.Specs.Count; i++)
        {
            Tensor gradient = model.Parameters.Gradient(new ParameterId(i));
            float[] values = TinyModels.Read(gradient);
            Assert.All(values, value => Assert.True(float.IsFinite(value), gradient.Name));
            bool[] rows = [.. values.Chunk((int)gradient.Shape.RowCount).Select(row => row.Any(value => value != 0))];
            bool[] expected = ExpectedRows(gradient.Name, model.Config, batch) ?? [.. rows.Select(_ => true)];
            // A ReLU that no token activates passes nothing on.
            bool mayBeIdle = gradient.Name.EndsWith("DenseReluDense.wi.weight", StringComparison.Ordinal);
            Assert.True(mayBeIdle ? rows.Count(r => r) > rows.Length / 2 : expected.SequenceEqual(rows), gradient.Name);
        }
    }

    // The derivative along one direction for each parameter, which mixes the gradient's own with a random one, from losses alone.
    [Theory, MemberData(nameof(Names))]
    public void Backward_AgreesWithDifferencesOfTheLoss_DropoutOn(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged();
        float[] weights = TinyModels.RowWeights(batch);
        model.Forward(batch, Dropout);
        model.Backward(weights);
        var random = new Random(11);
        double width = model.Config.FeedForward == FeedForwardKind.Relu ? DirectionalDifference.KinkedStep : DirectionalDifference.SmoothStep;
        for (int i = 0; i < model.Parameters.Specs.Count; i++)
        {
            Tensor value = model.Parameters.Value(new ParameterId(i));
            float[] gradient = TinyModels.Read(model.Parameters.Gradient(new ParameterId(i)));
            double[] direction = Direction(gradient, random);
            double expected = gradient.Zip(direction, (g, d) => g * d).Sum();
            var (slope, allowed) = DirectionalDifference.Measure(width, step => LossAt(model, batch, weights, value, direction, step));
            Assert.True(Math.Abs(slope - expected) <= allowed, $"{value.Name}: differences give {slope:G6}, backward {expected:G6}, allowed ±{allowed:G2}");
            Assert.True(allowed < 0.2 * Math.Abs(expected), $"{value.Name}: a tolerance of {allowed:G2} proves nothing about {expected:G6}.");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Backward_AddsToWhatIsThere(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged();
        model.Forward(batch, DropoutSettings.Off);
        model.Backward(TinyModels.RowWeights(batch));
        float[] once = TinyModels.Gradients(model);
        model.Forward(batch, DropoutSettings.Off);
        model.Backward(TinyModels.RowWeights(batch));
        float[] twice = TinyModels.Gradients(model);
        double scale = once.Max(MathF.Abs);
        for (int i = 0; i < once.Length; i++) Assert.Equal(2.0 * once[i], twice[i], 1e-5 * scale);
    }

    [Fact]
    public void Backward_OfAModelForInference_Throws()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend, training: false);
        Batch batch = TinyModels.Ragged();
        model.Forward(batch, DropoutSettings.Off);
        Assert.Throws<InvalidOperationException>(() => model.Backward(TinyModels.RowWeights(batch)));
    }

    /// <summary>Which rows of a gradient are not zero, where these are not all of them; null where they are.</summary>
    static bool[]? ExpectedRows(string name, T5Config config, Batch batch)
    {
        if (name == "shared.weight" && !config.TiedHead)
        {
            HashSet<int> read = [.. batch.SourceIds[..batch.SourceTokenCount], .. batch.TargetInputIds[..batch.TargetTokenCount]];
            return [.. Enumerable.Range(0, config.VocabularySize).Select(read.Contains)];
        }
        if (!name.EndsWith("relative_attention_bias.weight", StringComparison.Ordinal)) return null;
        bool isEncoder = name.StartsWith("encoder", StringComparison.Ordinal);
        int[] starts = isEncoder ? batch.SourceStarts : batch.TargetStarts;
        int[] buckets = RelativePositionBuckets.Build(isEncoder, config.RelativeBuckets, config.RelativeMaxDistance);
        bool[] used = new bool[config.RelativeBuckets];
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            int length = starts[s + 1] - starts[s];
            for (int query = 0; query < length; query++)
                for (int key = 0; key < (isEncoder ? length : query + 1); key++)
                    // A query with one key alone attends to it whatever its bias.
                    if (isEncoder || query > 0)
                        used[buckets[Math.Clamp(key - query, -config.RelativeMaxDistance, config.RelativeMaxDistance) + config.RelativeMaxDistance]] = true;
        }
        return used;
    }

    static double[] Direction(float[] gradient, Random random)
    {
        double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
        double[] noise = [.. gradient.Select(_ => random.NextDouble() - 0.5)];
        double noiseNorm = Math.Sqrt(noise.Sum(n => n * n));
        return [.. gradient.Select((g, i) => g / norm + 0.5 * noise[i] / noiseNorm)];
    }

    static (double Loss, double Magnitude) LossAt(T5Model model, Batch batch, float[] weights, Tensor value, double[] direction, double step)
    {
        float[] before = TinyModels.Read(value);
        model.Backend.Upload<float>([.. before.Select((v, i) => (float)(v + step * direction[i]))], value);
        model.Forward(batch, Dropout);
        model.Backend.Upload<float>(before, value);
        double[] terms = [.. TinyModels.Nats(model).Zip(weights, (n, w) => (double)n * w)];
        return (terms.Sum(), terms.Sum(Math.Abs));
    }
}
