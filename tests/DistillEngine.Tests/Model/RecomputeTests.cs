using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Model;
using Xunit;

namespace DistillEngine.Tests.Model;

public class RecomputeTests
{
    public static TheoryData<string, ComputePrecision> Cases => new(
        from name in (string[])[TinyModels.Version10, TinyModels.Version11, TinyModels.Multilingual]
        from precision in (ComputePrecision[])[ComputePrecision.F32, ComputePrecision.Bf16]
        select new TheoryDataRow<string, ComputePrecision>(name, precision));

    [Theory, MemberData(nameof(Cases))]
    public void Backward_WithRecompute_GivesTheBitsOfKeptActivations(string name, ComputePrecision precision)
    {
        using var backend = CpuBackend.Open(2, precision);
        using T5Model keeps = Create(name, backend, recompute: false), recomputes = Create(name, backend, recompute: true);
        // Two passes: gradients add up, and what the first leaves in shared memory must not matter to the second.
        for (int step = 1; step <= 2; step++)
        {
            Pass(keeps, step);
            Pass(recomputes, step);
            Assert.Equal(Bits(keeps.TokenNats), Bits(recomputes.TokenNats));
        }
        Assert.All(keeps.Parameters.Specs.Select((spec, i) => (spec.Name, Id: new ParameterId(i))), parameter =>
            Assert.Equal(Bits(keeps.Parameters.Gradient(parameter.Id)), Bits(recomputes.Parameters.Gradient(parameter.Id))));
    }

    /// <summary>Its vocabulary is one chunk, whose scratch has the shape of all logits.</summary>
    [Fact]
    public void Backward_WithRecompute_NeedsNothingThatForwardLeftInTheScratchOfTheLoss()
    {
        var cpu = CpuBackend.Open(1);
        using var spoiling = new CountingBackend(cpu) { Replaced = cpu.Kernels with { LinearCrossEntropy = new SpoiledLogits(cpu.Kernels.LinearCrossEntropy) } };
        using T5Model plain = Create(TinyModels.Version11, cpu, recompute: true), spoiled = Create(TinyModels.Version11, spoiling, recompute: true);
        Pass(plain, step: 1);
        Pass(spoiled, step: 1);
        Assert.Equal(TinyModels.Gradients(plain), TinyModels.Gradients(spoiled));
    }

    [Theory, MemberData(nameof(TinyModels.Names), MemberType = typeof(TinyModels))]
    public void Measure_WithRecompute_IsWhatIsTakenAndLess(string name)
    {
        using var backend = CpuBackend.Open(1);
        using T5Model model = Create(name, backend, recompute: true);
        MemoryNeeds kept = T5Model.Measure(model.Config, TinyModels.Limits, training: true);
        MemoryNeeds needs = T5Model.Measure(model.Config, TinyModels.Limits, training: true, recompute: true);
        Assert.Equal(needs.Activations, model.ActivationBytes);
        Assert.Equal((kept.Parameters, kept.Gradients), (needs.Parameters, needs.Gradients));
        Assert.True(needs.Activations < kept.Activations, $"{needs.Activations} of {kept.Activations} bytes");
    }

    [Fact]
    public void Measure_OfASmallModelWithRecompute_TakesLessThanAThirdForActivations()
    {
        T5Config small = T5Presets.Find("v1.1-small")!;
        long Activations(bool recompute) => T5Model.Measure(small, BatchLimits.Full(8, 512, 128), training: true, recompute: recompute).Activations;
        Assert.InRange(Activations(recompute: true) / (double)Activations(recompute: false), 0, 1 / 3.0);
    }

    [Fact]
    public void Constructor_OfAModelForInferenceWithRecompute_Throws()
    {
        using var backend = CpuBackend.Open(1);
        var e = Assert.Throws<ArgumentException>(() =>
            new T5Model(TinyModels.Config(TinyModels.Version11), TinyModels.Limits, backend, training: false, recompute: true));
        Assert.Equal("recompute", e.ParamName);
    }

    static T5Model Create(string name, IBackend backend, bool recompute)
    {
        var model = new T5Model(TinyModels.Config(name), TinyModels.Limits, backend, training: true, recompute: recompute);
        model.Initialize(5);
        return model;
    }

    static void Pass(T5Model model, long step)
    {
        Batch batch = TinyModels.Ragged();
        model.Forward(batch, new DropoutSettings(0.1f, 3, step));
        model.Backward(TinyModels.RowWeights(batch));
    }

    /// <summary>Head and loss whose scratch other ops overwrite between its two passes.</summary>
    sealed class SpoiledLogits(LinearCrossEntropy inner) : LinearCrossEntropy
    {
        protected override void ForwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor nats, Tensor scratch)
        {
            inner.Forward(x, w, scale, labels, logSumExp, nats, scratch);
            scratch.HostSpan<float>().Fill(float.NaN);
        }

        protected override void BackwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor rowWeights, Tensor logSumExp, Tensor dx, Gradient dWeight,
            Tensor scratch, bool holdsLogits) => inner.Backward(x, w, scale, labels, rowWeights, logSumExp, dx, dWeight, scratch, holdsLogits);
    }

    static int[] Bits(Tensor tensor) => [.. tensor.HostSpan<float>().ToArray().Select(BitConverter.SingleToInt32Bits)];
}
