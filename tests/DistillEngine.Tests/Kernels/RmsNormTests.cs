using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class RmsNormTests
{
    const float Epsilon = 1e-6f;

    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Fact]
    public void Oracle_Backward_EqualsTheComplexStep()
    {
        using var t = new HostTensors(1);
        const int Rows = 3, Width = 5;
        double[] x = Doubles.Of(t.Random("x", new(Rows, Width)));
        double[] weight = Doubles.Of(t.Random("weight", new(Width)));
        double[] dy = Doubles.Of(t.Random("dy", new(Rows, Width)));
        var (dx, dWeight, _, _) = RmsNormReference.Backward(dy, x, weight, Epsilon, Rows);
        double[] stepX = Doubles.ComplexStep(p => RmsNormReference.Forward(p, Doubles.ToComplex(weight), Epsilon, Rows).Y, x, dy);
        double[] stepWeight = Doubles.ComplexStep(p => RmsNormReference.Forward(Doubles.ToComplex(x), p, Epsilon, Rows).Y, weight, dy);
        for (int i = 0; i < dx.Length; i++) Assert.Equal(stepX[i], dx[i], 1e-12);
        for (int i = 0; i < dWeight.Length; i++) Assert.Equal(stepWeight[i], dWeight[i], 1e-12);
    }

    [Theory, MemberData(nameof(Isas))]
    public void Forward_AtEdgeWidths_MatchesTheOracle(CpuIsa isa)
    {
        foreach (int width in CpuVariants.EdgeLengths)
        {
            foreach (int threads in (int[])[1, 3])
            {
                using var pool = new ComputePool(threads);
                ForwardAgrees(Create(isa, pool), width);
            }
        }
    }

    internal static void ForwardAgrees(RmsNorm op, int width)
    {
        using var t = new HostTensors(width);
        Tensor x = Inputs(t, 5, width), weight = t.Random("weight", new(width));
        Tensor y = t.Empty("y", x.Shape), invRms = t.Empty("invRms", new(5));
        op.Forward(x, weight, Epsilon, y, invRms);
        var (expected, expectedInv) = RmsNormReference.Forward(Doubles.Of(x), Doubles.Of(weight), Epsilon, 5);
        double c = Tolerance.Epsilon * (Tolerance.Sum(width) + Tolerance.Elementwise);
        Tolerance.AssertWithin(y.HostSpan<float>(), expected, Magnitudes(c, expected), $"y, width {width}");
        Tolerance.AssertWithin(invRms.HostSpan<float>(), expectedInv, Magnitudes(c, expectedInv), $"invRms, width {width}");
        Assert.True(t.GuardsAreIntact());
    }

    [Theory, MemberData(nameof(Isas))]
    public void Backward_AtEdgeWidths_MatchesTheOracle(CpuIsa isa)
    {
        foreach (int width in CpuVariants.EdgeLengths)
        {
            foreach (Into into in (Into[])[Into.Overwrite, Into.Add])
            {
                using var pool = new ComputePool(2);
                BackwardAgrees(Create(isa, pool), width, into);
            }
        }
    }

    internal static void BackwardAgrees(RmsNorm op, int width, Into into)
    {
        using var t = new HostTensors(width);
        const int Rows = 7;
        Tensor x = Inputs(t, Rows, width), weight = t.Random("weight", new(width)), dy = t.Random("dy", x.Shape);
        Tensor y = t.Empty("y", x.Shape), invRms = t.Empty("invRms", new(Rows));
        // Overwrite must not read what stood there: Empty holds NaN.
        Tensor dx = into == Into.Add ? t.Filled("dx", x.Shape, 0.25f) : t.Empty("dx", x.Shape);
        Tensor dWeight = t.Filled("dWeight", new(width), 0.5f);
        op.Forward(x, weight, Epsilon, y, invRms);
        op.Backward(dy, x, weight, invRms, into, dx, dWeight);
        var (expected, expectedWeight, magnitude, weightMagnitude) =
            RmsNormReference.Backward(Doubles.Of(dy), Doubles.Of(x), Doubles.Of(weight), Epsilon, Rows);
        double old = into == Into.Add ? 0.25 : 0;
        // invRms carries its own error, thrice into dx.
        double c = Tolerance.Epsilon * (4 * Tolerance.Sum(width) + Tolerance.Elementwise);
        Tolerance.AssertWithin(dx.HostSpan<float>(), [.. expected.Select(v => v + old)],
            [.. magnitude.Zip(expected, (m, v) => c * (m + old + Math.Abs(v)))], $"dx, width {width}, {into}");
        double cWeight = Tolerance.Epsilon * (Tolerance.Sum(Rows) + Tolerance.Sum(width) + Tolerance.Elementwise);
        Tolerance.AssertWithin(dWeight.HostSpan<float>(), [.. expectedWeight.Select(v => v + 0.5)],
            [.. weightMagnitude.Select(m => cWeight * (m + 0.5))], $"dWeight, width {width}");
        Assert.True(t.GuardsAreIntact());
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_WithOneTwoOrThreeThreads_GiveTheSameBits(CpuIsa isa)
    {
        // Blocks of rows that some of the threads share evenly, and so many that none needs to.
        foreach (var (rows, width) in ((int, int)[])[(301, 130), (1100, 45)])
        {
            float[]? first = null;
            foreach (int threads in (int[])[1, 2, 3])
            {
                using var pool = new ComputePool(threads);
                using var t = new HostTensors(3);
                var shape = new Shape(rows, width);
                Tensor x = t.Random("x", shape), weight = t.Random("weight", new(width)), dy = t.Random("dy", shape);
                Tensor y = t.Empty("y", shape), invRms = t.Empty("invRms", new(rows)), dWeight = t.Filled("dWeight", new(width), 0);
                RmsNorm op = Create(isa, pool);
                op.Forward(x, weight, Epsilon, y, invRms);
                op.Backward(dy, x, weight, invRms, Into.Overwrite, dy, dWeight);
                float[] all = [.. y.HostSpan<float>(), .. invRms.HostSpan<float>(), .. dy.HostSpan<float>(), .. dWeight.HostSpan<float>()];
                first ??= all;
                Assert.Equal(first, all);
            }
        }
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_InPlace_EqualTheResultElsewhere(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var t = new HostTensors(4);
        var shape = new Shape(9, 33);
        Tensor x = t.Random("x", shape), weight = t.Random("weight", new(33)), dy = t.Random("dy", shape);
        Tensor y = t.Empty("y", shape), dx = t.Empty("dx", shape), invRms = t.Empty("invRms", new(9));
        Tensor dWeight = t.Filled("dWeight", new(33), 0), dWeightInPlace = t.Filled("dWeight", new(33), 0);
        RmsNorm op = Create(isa, pool);
        op.Forward(x, weight, Epsilon, y, invRms);
        op.Backward(dy, x, weight, invRms, Into.Overwrite, dx, dWeight);
        op.Backward(dy, x, weight, invRms, Into.Overwrite, dy, dWeightInPlace);
        op.Forward(x, weight, Epsilon, x, invRms);
        Assert.Equal(y.HostSpan<float>().ToArray(), x.HostSpan<float>().ToArray());
        Assert.Equal(dx.HostSpan<float>().ToArray(), dy.HostSpan<float>().ToArray());
        Assert.Equal(dWeight.HostSpan<float>().ToArray(), dWeightInPlace.HostSpan<float>().ToArray());
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_WithoutRows_ChangeNothing(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var t = new HostTensors(5);
        Tensor none = t.Empty("x", new(0, 20)), weight = t.Filled("weight", new(20), 1), invRms = t.Empty("invRms", new(0));
        Tensor dWeight = t.Filled("dWeight", new(20), 3);
        RmsNorm op = Create(isa, pool);
        op.Forward(none, weight, Epsilon, none, invRms);
        op.Backward(none, none, weight, invRms, Into.Overwrite, none, dWeight);
        Assert.All(dWeight.HostSpan<float>().ToArray(), v => Assert.Equal(3, v));
    }

    [Fact]
    public void Forward_WhenTheWeightHasAnotherWidth_NamesOpAndTensor()
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(6);
        Tensor x = t.Filled("x", new(2, 4), 1);
        var e = Assert.Throws<ArgumentException>(() =>
            Create(CpuIsa.Scalar, pool).Forward(x, t.Filled("layer_norm.weight", new(5), 1), Epsilon, x, t.Empty("invRms", new(2))));
        Assert.Contains("rms_norm.forward", e.Message, StringComparison.Ordinal);
        Assert.Contains("'layer_norm.weight'", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Random rows, a row of zeros and a row of large numbers.</summary>
    static Tensor Inputs(HostTensors t, int rows, int width)
    {
        Tensor x = t.Random("x", new(rows, width));
        x.Rows(1, 1).HostSpan<float>().Clear();
        foreach (ref float value in x.Rows(2, 1).HostSpan<float>()) value *= 7e9f;
        return x;
    }

    static double[] Magnitudes(double c, double[] values) => [.. values.Select(v => c * Math.Abs(v))];

    static RmsNorm Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<RmsNorm>(isa, () => new RmsNormCpu<F32x1>(pool),
        () => new RmsNormCpu<F32x4>(pool), () => new RmsNormCpu<F32x8>(pool), () => new RmsNormCpu<F32x16>(pool));
}
