using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class RowScatterTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_AgainstTheOracle_MoveTheNamedRowsAlone(CpuIsa isa)
    {
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var pool = new ComputePool(threads);
            RowScatter op = Create(isa, pool);
            foreach (int width in CpuVariants.EdgeLengths) AgreesWithTheOracle(op, width);
        }
    }

    internal static void AgreesWithTheOracle(RowScatter op, int width)
    {
        int[] target = [6, 0, 3];
        using var tensors = new HostTensors(width);
        Tensor x = tensors.Random("x", new(3, width)), targets = tensors.From("target", new(3), target);
        Tensor y = tensors.Filled("y", new(8, width), -7), dx = tensors.Empty("dx", x.Shape);
        float[] expected = y.HostSpan<float>().ToArray();
        RowScatterReference.Forward(x.HostSpan<float>().ToArray(), target, expected, width);
        op.Forward(x, targets, y);
        Assert.Equal(expected, y.HostSpan<float>());
        op.Backward(y, targets, dx);
        Assert.Equal(RowScatterReference.Backward(expected, target, width), dx.HostSpan<float>());
        Assert.True(tensors.GuardsAreIntact());
    }

    [Fact]
    public void Forward_OfMoreThanOnePart_MovesEveryRow()
    {
        const int Rows = 1500, Width = 70;
        using var tensors = new HostTensors(1);
        using var pool = new ComputePool(3);
        int[] target = [.. Enumerable.Range(0, Rows).Select(i => Rows - 1 - i)];
        Tensor x = tensors.Random("x", new(Rows, Width)), y = tensors.Empty("y", x.Shape);
        Create(CpuIsa.Vector256, pool).Forward(x, tensors.From("target", new(Rows), target), y);
        for (int row = 0; row < Rows; row++)
            Assert.Equal(x.HostSpan<float>().Slice(row * Width, Width), y.HostSpan<float>().Slice((Rows - 1 - row) * Width, Width));
    }

    [Fact]
    public void Forward_WithoutRowsOrWithWrongShapes_DoesNothingOrNamesOpAndTensor()
    {
        using var tensors = new HostTensors(2);
        using var pool = new ComputePool(2);
        RowScatter op = Create(CpuIsa.Scalar, pool);
        Tensor x = tensors.Random("x", new(2, 8)), y = tensors.Filled("y", new(4, 8), 1);
        Tensor target = tensors.From("slots", new(3), new[] { 0, 1, 2 });
        op.Forward(x.First(0), target.First(0), y);
        Assert.Equal(-1, y.HostSpan<float>().IndexOfAnyExcept(1));
        var e = Assert.Throws<ArgumentException>(() => op.Forward(x, target, y));
        Assert.Contains("row_scatter.forward: 'slots'", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<ArgumentException>(() => op.Backward(tensors.Empty("dy", new(4, 9)), target.First(2), x));
        Assert.Contains("row_scatter.backward: 'dy'", e.Message, StringComparison.Ordinal);
    }

    internal static RowScatter Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<RowScatter>(isa,
        () => new RowScatterCpu<F32x1>(pool), () => new RowScatterCpu<F32x4>(pool),
        () => new RowScatterCpu<F32x8>(pool), () => new RowScatterCpu<F32x16>(pool));
}
