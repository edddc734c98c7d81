using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class ReluTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Fact]
    public void Oracle_Backward_EqualsTheComplexStep()
    {
        double[] x = [-2, -1e-30, 0.5, 3];
        double[] dy = [1, 2, 3, 4];
        Assert.Equal(Doubles.ComplexStep(ReluReference.Forward, x, dy), ReluReference.Backward(dy, ReluReference.Forward(x)));
    }

    [Theory, MemberData(nameof(Isas))]
    public void BothWays_AtEdgeLengths_EqualTheOracle(CpuIsa isa)
    {
        foreach (int length in (int[])[.. CpuVariants.EdgeLengths, 70_001])
        {
            foreach (int threads in (int[])[1, 2, 3])
            {
                using var pool = new ComputePool(threads);
                EqualsTheOracle(Create(isa, pool), length);
            }
        }
    }

    internal static void EqualsTheOracle(Relu op, int length)
    {
        using var t = new HostTensors(length);
        var shape = new Shape(1, length);
        Tensor x = t.Random("x", shape), dy = t.Random("dy", shape), y = t.Empty("y", shape), dx = t.Empty("dx", shape);
        x.HostSpan<float>()[0] = 0;
        op.Forward(x, y);
        op.Backward(dy, y, dx);
        Assert.Equal(ReluReference.Forward(Doubles.Of(x)), Doubles.Of(y));
        Assert.Equal(ReluReference.Backward(Doubles.Of(dy), Doubles.Of(y)), Doubles.Of(dx));
        op.Forward(x, x);
        op.Backward(dy, y, dy);
        Assert.Equal(Doubles.Of(y), Doubles.Of(x));
        Assert.Equal(Doubles.Of(dx), Doubles.Of(dy));
        Assert.True(t.GuardsAreIntact());
    }

    [Theory, MemberData(nameof(Isas))]
    public void Forward_OfNaN_StaysNaN(CpuIsa isa)
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(1);
        Tensor x = t.Filled("x", new(1, 21), float.NaN);
        Create(isa, pool).Forward(x, x);
        Assert.All(x.HostSpan<float>().ToArray(), v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void Backward_WhenShapesDiffer_NamesOpAndTensor()
    {
        using var pool = new ComputePool(1);
        using var t = new HostTensors(1);
        Tensor y = t.Filled("hidden", new(2, 4), 1), dy = t.Filled("dHidden", new(2, 5), 1);
        var e = Assert.Throws<ArgumentException>(() => Create(CpuIsa.Scalar, pool).Backward(dy, y, y));
        Assert.Contains("relu.backward: 'dHidden'", e.Message, StringComparison.Ordinal);
    }

    static Relu Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<Relu>(isa, () => new ReluCpu<F32x1>(pool),
        () => new ReluCpu<F32x4>(pool), () => new ReluCpu<F32x8>(pool), () => new ReluCpu<F32x16>(pool));
}
