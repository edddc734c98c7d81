using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

/// <summary>How sequences are packed, and how many threads compute them, is not to be seen in any number.</summary>
public class PackingTests
{
    // A few roundings of sums that run in another order; in gradients, times the logits, whose rounding moves every probability.
    const double Relative = 2e-6, GradientRelative = 1e-5;

    static readonly DropoutSettings Dropout = new(0.25f, Seed: 9, Step: 4);

    public static TheoryData<string> Names => TinyModels.Names;

    [Theory, MemberData(nameof(Names))]
    public void Forward_OfAPackedBatch_GivesEachSequenceItsOwnLosses(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged();
        model.Forward(batch, Dropout);
        float[] packed = TinyModels.Nats(model);
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            model.Forward(TinyModels.Alone(batch, s), Dropout);
            AssertClose(TinyModels.Nats(model), packed[batch.TargetStarts[s]..batch.TargetStarts[s + 1]]);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Backward_OfAPackedBatch_GivesTheSumOfTheSequencesGradients(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged();
        float[] weights = TinyModels.RowWeights(batch);
        model.Forward(batch, Dropout);
        model.Backward(weights);
        float[] packed = TinyModels.Gradients(model);
        double[] sum = new double[packed.Length], magnitude = new double[packed.Length];
        for (int s = 0; s < batch.SequenceCount; s++)
        {
            TinyModels.ClearGradients(model);
            model.Forward(TinyModels.Alone(batch, s), Dropout);
            model.Backward(weights.AsSpan(batch.TargetStarts[s]..batch.TargetStarts[s + 1]));
            float[] own = TinyModels.Gradients(model);
            for (int i = 0; i < sum.Length; i++) (sum[i], magnitude[i]) = (sum[i] + own[i], magnitude[i] + Math.Abs(own[i]));
        }
        double scale = magnitude.Max();
        for (int i = 0; i < sum.Length; i++) Assert.Equal(sum[i], packed[i], GradientRelative * (magnitude[i] + scale));
    }

    [Theory, MemberData(nameof(Names))]
    public void Forward_InAnotherPackingOrder_DropsTheSame(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(name, backend);
        Batch batch = TinyModels.Ragged(), reordered = TinyModels.Reordered(batch, 2, 0, 1);
        model.Forward(batch, Dropout);
        float[] first = TinyModels.Nats(model);
        model.Forward(reordered, Dropout);
        float[] second = TinyModels.Nats(model);
        AssertClose(first[batch.TargetStarts[2]..], second[..reordered.TargetStarts[1]]);
        AssertClose(first[..batch.TargetStarts[2]], second[reordered.TargetStarts[1]..]);
    }

    [Fact]
    public void Forward_OfAnotherStepSeedOrSequence_DropsOtherwise()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = TinyModels.Create(TinyModels.Version11, backend);
        Batch batch = TinyModels.Ragged(), renumbered = new(TinyModels.Limits);
        for (int s = 0; s < batch.SequenceCount; s++)
            renumbered.Add(batch.SourceIds.AsSpan(batch.SourceStarts[s]..batch.SourceStarts[s + 1]),
                batch.Labels.AsSpan(batch.TargetStarts[s]..batch.TargetStarts[s + 1]), batch.Tasks[s], 1, s + 10);
        float[][] all =
        [
            Losses(batch, Dropout), Losses(batch, Dropout with { Step = 5 }), Losses(batch, Dropout with { Seed = 10 }), Losses(renumbered, Dropout),
            Losses(batch, DropoutSettings.Off),
        ];
        for (int i = 0; i < all.Length; i++)
            for (int j = 0; j < i; j++) Assert.True(all[i].Zip(all[j], (a, b) => Math.Abs(a - b)).Max() > 1e-3, $"{i} and {j} drop alike.");

        float[] Losses(Batch of, DropoutSettings dropout)
        {
            model.Forward(of, dropout);
            return TinyModels.Nats(model);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Pass_OfAnyThreadCount_GivesTheSameBits(string name)
    {
        int[][] bits = [.. new[] { 1, 2, 3 }.Select(threads =>
        {
            using var backend = CpuBackend.Open(threads);
            using T5Model model = TinyModels.Create(name, backend);
            Batch batch = TinyModels.Ragged();
            model.Forward(batch, Dropout);
            model.Backward(TinyModels.RowWeights(batch));
            return (int[])[.. TinyModels.Nats(model).Concat(TinyModels.Gradients(model)).Select(BitConverter.SingleToInt32Bits)];
        })];
        Assert.Equal(bits[0], bits[1]);
        Assert.Equal(bits[0], bits[2]);
    }

    [Fact]
    public void Forward_AfterALargerBatch_GivesTheSameBits()
    {
        using var backend = CpuBackend.Open(1);
        using T5Model used = TinyModels.Create(TinyModels.Version10, backend), fresh = TinyModels.Create(TinyModels.Version10, backend);
        Batch batch = TinyModels.Ragged(), small = TinyModels.Alone(batch, 1);
        used.Forward(batch, Dropout);
        used.Backward(TinyModels.RowWeights(batch));
        TinyModels.ClearGradients(used);
        foreach (T5Model model in (T5Model[])[used, fresh])
        {
            model.Forward(small, Dropout);
            model.Backward(TinyModels.RowWeights(small));
        }
        Assert.Equal(TinyModels.Gradients(fresh), TinyModels.Gradients(used));
    }

    static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], Relative * (1 + Math.Abs(expected[i])));
    }
}
