using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class GradientNormTests
{
    static GradientNorm Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<GradientNorm>(isa, () => new GradientNormCpu<F32x1>(pool),
        () => new GradientNormCpu<F32x4>(pool), () => new GradientNormCpu<F32x8>(pool), () => new GradientNormCpu<F32x16>(pool));

    [Theory]
    [MemberData(nameof(CpuVariants.Isas), MemberType = typeof(CpuVariants))]
    public void Forward_OnAnyLengthAndThreadCount_EqualsTheOracle_WithTheSameBits(CpuIsa isa)
    {
        foreach (int count in CpuVariants.EdgeLengths.Concat([16_383, 16_384, 16_385, 100_003]))
        {
            using var host = new HostTensors(seed: count);
            Tensor gradients = host.Random("gradients", new(1, count), deviation: 1e-3);
            double expected = GradientNormReference.Forward(gradients.HostSpan<float>());
            float? first = null;
            for (int threads = 1; threads <= 3; threads++)
            {
                using var pool = new ComputePool(threads);
                float norm = Norm(host, Create(isa, pool), gradients);
                Tolerance.AssertWithin([norm], [expected], [Tolerance.Elementwise * Tolerance.Epsilon * expected], $"norm of {count} elements");
                Assert.Equal(first ??= norm, norm);
            }
            Assert.True(host.GuardsAreIntact());
        }
    }

    [Theory]
    [MemberData(nameof(CpuVariants.Isas), MemberType = typeof(CpuVariants))]
    public void Forward_OnEqualElements_KeepsFloatAccuracyWhereAFloatSumLosesIt(CpuIsa isa)
    {
        const int count = 1 << 21;
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(2);
        Tensor gradients = host.Filled("gradients", new(1 << 10, 1 << 11), 0.1f);
        double expected = Math.Sqrt(count) * 0.1f;
        Tolerance.AssertWithin([Norm(host, Create(isa, pool), gradients)], [expected], [Tolerance.Epsilon * expected], "norm of equal elements");
    }

    [Theory]
    [MemberData(nameof(CpuVariants.Isas), MemberType = typeof(CpuVariants))]
    public void Forward_OnExtremes_NeitherOverflowsNorHidesWhatIsNotFinite(CpuIsa isa)
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        GradientNorm op = Create(isa, pool);
        Assert.Equal(0, Norm(host, op, host.Empty("none", new(0, 7))));
        Assert.Equal(0, Norm(host, op, host.Filled("zeros", new(3, 7), 0)));
        Assert.Equal(2e30f, Norm(host, op, host.Filled("huge", new(1, 4), 1e30f)));
        Assert.Equal(2e-30f, Norm(host, op, host.Filled("tiny", new(1, 4), 1e-30f)));
        for (int at = 0; at < 37; at += 18)
        {
            Tensor gradients = host.Filled("gradients", new(37, 1), 1);
            gradients.HostSpan<float>()[at] = float.NegativeInfinity;
            Assert.Equal(float.PositiveInfinity, Norm(host, op, gradients));
            gradients.HostSpan<float>()[at] = float.NaN;
            Assert.Equal(float.NaN, Norm(host, op, gradients));
        }
    }

    [Fact]
    public void Forward_OnAWrongShape_NamesOpAndTensor()
    {
        using var host = new HostTensors(seed: 1);
        using var pool = new ComputePool(1);
        var error = Assert.Throws<ArgumentException>(() =>
            Create(CpuIsa.Scalar, pool).Forward(host.Empty("g", new(2, 2)), host.Empty("the.norm", new(2))));
        Assert.Contains("gradient_norm.forward: 'the.norm'", error.Message);
    }

    internal static float Norm(HostTensors host, GradientNorm op, Tensor gradients)
    {
        Tensor norm = host.Empty("norm", new(1));
        op.Forward(gradients, norm);
        return norm.HostSpan<float>()[0];
    }
}
