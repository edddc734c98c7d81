using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class GatedGeluTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Fact]
    public void Oracle_Backward_EqualsTheComplexStep()
    {
        double[] gate = [-6, -2.5, -0.3, 0, 1e-3, 0.7, 4, 12];
        double[] up = [1, -2, 0.5, 3, 1, 2, -1, 0.25];
        double[] dy = [1, 2, 3, 4, 5, 6, 7, 8];
        var (dGate, dUp, _, _) = GatedGeluReference.Backward(dy, gate, up);
        double[] stepGate = Doubles.ComplexStep(p => GatedGeluReference.Forward(p, Doubles.ToComplex(up)), gate, dy);
        double[] stepUp = Doubles.ComplexStep(p => GatedGeluReference.Forward(Doubles.ToComplex(gate), p), up, dy);
        for (int i = 0; i < dy.Length; i++)
        {
            Assert.Equal(stepGate[i], dGate[i], 1e-12);
            Assert.Equal(stepUp[i], dUp[i], 1e-12);
        }
    }

    [Theory]
    [InlineData(1, 0.8411919906082768)]
    [InlineData(-1, -0.15880800939172324)]
    [InlineData(3, 2.996362607918227)]
    public void Oracle_AtKnownPoints_GivesTheTanhForm(double x, double expected) =>
        Assert.Equal(expected, GatedGeluReference.Forward([x], [1d])[0], 1e-12);

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_AtEdgeLengths_MatchTheOracle(CpuIsa isa)
    {
        foreach (int length in CpuVariants.EdgeLengths) Compare(isa, length, threads: 1);
        Compare(isa, 9_001, threads: 3);
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_WithOneTwoOrThreeThreads_GiveTheSameBits(CpuIsa isa)
    {
        float[]? first = null;
        foreach (int threads in (int[])[1, 2, 3])
        {
            using var pool = new ComputePool(threads);
            using var t = new HostTensors(3);
            var shape = new Shape(101, 133);
            Tensor gate = t.Random("gate", shape), up = t.Random("up", shape), dy = t.Random("dy", shape), y = t.Empty("y", shape);
            GatedGelu op = Create(isa, pool);
            op.Forward(gate, up, y);
            op.Backward(dy, gate, up, dy, up, gate);
            Assert.Equal(Doubles.Of(y), Doubles.Of(gate));
            float[] all = [.. y.HostSpan<float>(), .. dy.HostSpan<float>(), .. up.HostSpan<float>()];
            first ??= all;
            Assert.Equal(first, all);
        }
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_InPlace_EqualTheResultElsewhere(CpuIsa isa)
    {
        using var pool = new ComputePool(2);
        using var t = new HostTensors(4);
        var shape = new Shape(3, 21);
        Tensor gate = t.Random("gate", shape), up = t.Random("up", shape), dy = t.Random("dy", shape);
        Tensor y = t.Empty("y", shape), dGate = t.Empty("dGate", shape), dUp = t.Empty("dUp", shape), again = t.Empty("again", shape);
        GatedGelu op = Create(isa, pool);
        op.Forward(gate, up, y);
        op.Backward(dy, gate, up, dGate, dUp, again);
        Assert.Equal(Doubles.Of(y), Doubles.Of(again));
        Tensor inGate = t.Copy(gate), inUp = t.Copy(up), inDy = t.Copy(dy);
        op.Forward(inGate, up, inGate);
        op.Forward(gate, inUp, inUp);
        Assert.Equal(Doubles.Of(y), Doubles.Of(inGate));
        Assert.Equal(Doubles.Of(y), Doubles.Of(inUp));
        (inGate, inUp) = (t.Copy(gate), t.Copy(up));
        op.Backward(inDy, inGate, inUp, inDy, inUp, inGate);
        Assert.Equal(Doubles.Of(dGate), Doubles.Of(inDy));
        Assert.Equal(Doubles.Of(dUp), Doubles.Of(inUp));
        Assert.Equal(Doubles.Of(y), Doubles.Of(inGate));
        (inDy, inGate, inUp) = (t.Copy(dy), t.Copy(gate), t.Copy(up));
        op.Backward(inDy, inGate, inUp, inGate, inDy, inUp);
        Assert.Equal(Doubles.Of(y), Doubles.Of(inUp));
        Assert.Equal(Doubles.Of(dGate), Doubles.Of(inGate));
        Assert.Equal(Doubles.Of(dUp), Doubles.Of(inDy));
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_FarFromZero_SaturateWithoutNaN(CpuIsa isa)
    {
        using var pool = new ComputePool(1);
        SaturatesWithoutNaN(Create(isa, pool));
    }

    internal static void SaturatesWithoutNaN(GatedGelu op)
    {
        float[] gates = [-1e30f, -1e15f, -100, -30, -10, 10, 30, 100, 1e15f, 1e30f, 0, -0f, 1e-40f, -1e-20f, 50, -50, 3e18f];
        using var t = new HostTensors(5);
        var shape = new Shape(1, gates.Length);
        Tensor gate = t.From("gate", shape, gates), one = t.Filled("one", shape, 1);
        Tensor y = t.Empty("y", shape), dGate = t.Empty("dGate", shape), dUp = t.Empty("dUp", shape);
        op.Forward(gate, one, y);
        op.Backward(one, gate, one, dGate, dUp, y);
        for (int i = 0; i < gates.Length; i++)
        {
            float value = y.HostSpan<float>()[i], slope = dGate.HostSpan<float>()[i];
            Assert.Equal(value, dUp.HostSpan<float>()[i]);
            if (gates[i] >= 10) Assert.Equal((gates[i], 1f), (value, slope));
            else if (gates[i] <= -30) Assert.Equal((0f, 0f), (value, slope));
            else Assert.True(float.IsFinite(value) && float.IsFinite(slope));
        }
    }

    [Fact]
    public void Forward_WhenShapesDiffer_NamesOpAndTensor()
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(6);
        Tensor gate = t.Filled("gate", new(2, 4), 1), up = t.Filled("up", new(4, 2), 1);
        var e = Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).Forward(gate, up, gate));
        Assert.Contains("gated_gelu.forward: 'up'", e.Message, StringComparison.Ordinal);
    }

    static void Compare(CpuIsa isa, int length, int threads)
    {
        using var pool = new ComputePool(threads);
        AgreesWithTheOracle(Create(isa, pool), length);
    }

    internal static void AgreesWithTheOracle(GatedGelu op, int length)
    {
        using var t = new HostTensors(length);
        var shape = new Shape(1, length);
        Tensor gate = t.Random("gate", shape, 3), up = t.Random("up", shape), dy = t.Random("dy", shape);
        Tensor y = t.Empty("y", shape), dGate = t.Empty("dGate", shape), dUp = t.Empty("dUp", shape);
        op.Forward(gate, up, y);
        Tensor again = t.Empty("again", shape);
        op.Backward(dy, gate, up, dGate, dUp, again);
        Assert.Equal(Doubles.Of(y), Doubles.Of(again));
        var (g, u, d) = (Doubles.Of(gate), Doubles.Of(up), Doubles.Of(dy));
        double c = Tolerance.Epsilon * Tolerance.Transcendental;
        Tolerance.AssertWithin(y.HostSpan<float>(), GatedGeluReference.Forward(g, u),
            Doubles.Scale(c, GatedGeluReference.Magnitude(g, u)), $"y, length {length}");
        var (expectedGate, expectedUp, gateMagnitude, upMagnitude) = GatedGeluReference.Backward(d, g, u);
        Tolerance.AssertWithin(dGate.HostSpan<float>(), expectedGate, Doubles.Scale(c, gateMagnitude), $"dGate, length {length}");
        Tolerance.AssertWithin(dUp.HostSpan<float>(), expectedUp, Doubles.Scale(c, upMagnitude), $"dUp, length {length}");
        Assert.True(t.GuardsAreIntact());
    }

    static GatedGelu Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<GatedGelu>(isa, () => new GatedGeluCpu<F32x1>(pool),
        () => new GatedGeluCpu<F32x4>(pool), () => new GatedGeluCpu<F32x8>(pool), () => new GatedGeluCpu<F32x16>(pool));
}
