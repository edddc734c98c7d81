using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class AdamWTests
{
    static readonly AdamWStep Step = new(AdamWForm.Torch, 1, 1e-2, 0.9, 0.999, 1e-8, 0.1, 0);

    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory, MemberData(nameof(Isas))]
    public void Update_OverSteps_MatchesTheOracle(CpuIsa isa)
    {
        foreach (AdamWForm form in Enum.GetValues<AdamWForm>())
            foreach (int length in (int[])[1, 15, 16, 33, 130, 20_001])
                Compare(isa, form, length);
    }

    [Theory, MemberData(nameof(Isas))]
    public void Update_WithOneTwoOrThreeThreads_GivesTheSameBits(CpuIsa isa)
    {
        float[]? first = null;
        foreach (int threads in (int[])[1, 2, 3])
        {
            using var pool = new ComputePool(threads);
            using var t = new HostTensors(7);
            var shape = new Shape(2500, 13);
            Tensor p = t.Random("p", shape), g = t.Random("g", shape), m = t.Filled("m", shape, 0), v = t.Filled("v", shape, 0);
            Create(isa, pool).Update(g, t.Filled("norm", new(1), 3), Step with { Clip = 1 }, p, m, v);
            float[] all = [.. p.HostSpan<float>(), .. m.HostSpan<float>(), .. v.HostSpan<float>()];
            first ??= all;
            Assert.Equal(first, all);
        }
    }

    [Theory, MemberData(nameof(Isas))]
    public void Update_WithoutGradientOrDecay_LeavesValuesAndStateAsTheyAre(CpuIsa isa)
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(8);
        var shape = new Shape(1, 37);
        Tensor p = t.Random("p", shape), zero = t.Filled("g", shape, 0), m = t.Filled("m", shape, 0), v = t.Filled("v", shape, 0);
        double[] before = Doubles.Of(p);
        Create(isa, pool).Update(zero, t.Filled("norm", new(1), 0), Step with { WeightDecay = 0, Clip = 1 }, p, m, v);
        Assert.Equal(before, Doubles.Of(p));
        Assert.All(Doubles.Of(m), x => Assert.Equal(0, x));
        Assert.All(Doubles.Of(v), x => Assert.Equal(0, x));
    }

    [Fact]
    public void Update_AtStepZero_Throws()
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(9);
        Tensor p = t.Filled("p", new(1, 4), 1), norm = t.Filled("norm", new(1), 1);
        var e = Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).Update(p, norm, Step with { Step = 0 }, p, p, p));
        Assert.Contains("adamw.update", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-1)]
    [InlineData(double.PositiveInfinity)]
    public void Update_WithAnImpossibleRateOrClip_NamesIt(double number)
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(9);
        Tensor p = t.Filled("p", new(1, 4), 1), norm = t.Filled("norm", new(1), 1);
        Fails("adamw.update: expected a finite learning rate of at least 0", Step with { LearningRate = number });
        Fails("adamw.update: expected a finite clip of at least 0", Step with { Clip = (float)number });

        void Fails(string expected, AdamWStep step) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).Update(p, norm, step, p, p, p)).Message);
    }

    static void Compare(CpuIsa isa, AdamWForm form, int length)
    {
        using var pool = new ComputePool(2);
        AgreesWithTheOracle(Create(isa, pool), form, length, clip: 0.7f);
    }

    internal static void AgreesWithTheOracle(AdamW op, AdamWForm form, int length, float clip)
    {
        using var t = new HostTensors(length);
        var shape = new Shape(1, length);
        Tensor p = t.Random("p", shape), m = t.Filled("m", shape, 0), v = t.Filled("v", shape, 0), norm = t.Filled("norm", new(1), 2.5f);
        double[] value = Doubles.Of(p), first = new double[length], second = new double[length];
        const int Steps = 4;
        for (int k = 1; k <= Steps; k++)
        {
            Tensor g = t.Random("g", shape, Math.Pow(10, -k));
            AdamWStep step = Step with { Form = form, Step = k, Clip = clip };
            op.Update(g, norm, step, p, m, v);
            AdamWReference.Update(Doubles.Of(g), 2.5, step, value, first, second);
        }
        // A step moves a value by at most about the rate, wherever the moments cancel.
        double c = Tolerance.Epsilon * Steps * Tolerance.Elementwise;
        Tolerance.AssertWithin(p.HostSpan<float>(), value, [.. value.Select(x => c * (Math.Abs(x) + 10 * Step.LearningRate))], $"{form}, p");
        Tolerance.AssertWithin(v.HostSpan<float>(), second, Doubles.Scale(c, second), $"{form}, v");
        Assert.True(t.GuardsAreIntact());
    }

    static AdamW Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<AdamW>(isa, () => new AdamWCpu<F32x1>(pool),
        () => new AdamWCpu<F32x4>(pool), () => new AdamWCpu<F32x8>(pool), () => new AdamWCpu<F32x16>(pool));
}
