using System.Numerics;
using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class EmbeddingTests
{
    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_AgainstTheOracle_AreExactAndWithinRounding(CpuIsa isa)
    {
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var pool = new ComputePool(threads);
            Embedding op = Create(isa, pool);
            foreach (int width in CpuVariants.EdgeLengths) AgreesWithTheOracle(op, width);
        }
    }

    internal static void AgreesWithTheOracle(Embedding op, int width)
    {
        int[] ids = [3, 0, 3, 6, 3, 1];
        using var tensors = new HostTensors(width);
        Tensor table = tensors.Random("table", new(7, width)), idTensor = tensors.From("ids", new(ids.Length), ids);
        Tensor y = tensors.Empty("y", new(ids.Length, width)), dy = tensors.Random("dy", y.Shape), dTable = tensors.Copy(table);
        op.Forward(idTensor, table, y);
        Assert.Equal(EmbeddingReference.Forward(ids, table.HostSpan<float>().ToArray(), width), y.HostSpan<float>());

        op.Backward(dy, idTensor, Order(op, tensors, ids), dTable);
        double[] expected = Map(table, v => v), magnitude = Map(table, Math.Abs);
        EmbeddingReference.Backward(Map(dy, v => v), ids, expected, width);
        EmbeddingReference.Backward(Map(dy, Math.Abs), ids, magnitude, width);
        double[] bounds = Array.ConvertAll(magnitude, m => Tolerance.Sum(ids.Length) * Tolerance.Epsilon * m);
        Tolerance.AssertWithin(dTable.HostSpan<float>(), expected, bounds, $"dTable, width {width}");
        Assert.True(tensors.GuardsAreIntact());
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Backward_WithManyRepeatedIds_GivesTheSameBitsForAnyThreads(CpuIsa isa)
    {
        using var tensors = new HostTensors(1);
        int[] ids = [.. Enumerable.Range(0, 900).Select(i => i * i % 5)];
        Tensor idTensor = tensors.From("ids", new(ids.Length), ids), dy = tensors.Random("dy", new(ids.Length, 130));
        Tensor[] results = new Tensor[3];
        for (int threads = 1; threads <= 3; threads++)
        {
            using var pool = new ComputePool(threads);
            results[threads - 1] = tensors.Filled("dTable", new(5, 130), 0);
            Create(isa, pool).Backward(dy, idTensor, default, results[threads - 1]);
        }
        Assert.Equal(results[0].HostSpan<float>(), results[1].HostSpan<float>());
        Assert.Equal(results[0].HostSpan<float>(), results[2].HostSpan<float>());
        Assert.Equal(0, results[0].HostSpan<float>()[2 * 130]);
        Assert.NotEqual(0, results[0].HostSpan<float>()[4 * 130]);
    }

    /// <summary>Many rows of few ids have the bits of the CPU's sums.</summary>
    internal static void HasTheBitsOfTheCpu(Embedding op)
    {
        const int Width = 5;
        int[] ids = [.. Enumerable.Range(0, 60).Select(i => i * i % 7)];
        using var tensors = new HostTensors(8);
        using var pool = new ComputePool(1);
        Tensor idTensor = tensors.From("ids", new(ids.Length), ids), dy = tensors.Random("dy", new(ids.Length, Width));
        Tensor expected = tensors.Random("dTable", new(7, Width)), got = tensors.Copy(expected);
        new EmbeddingCpu<F32x1>(pool).Backward(dy, idTensor, default, expected);
        op.Backward(dy, idTensor, Order(op, tensors, ids), got);
        Assert.Equal(expected.HostSpan<float>(), got.HostSpan<float>());
    }

    [Fact]
    public void OrderRows_OfRepeatedIds_KeepsTheirOrder()
    {
        int[] order = new int[6];
        Embedding.OrderRows([3, 0, 3, int.MaxValue, 3, 1], new long[8], order);
        Assert.Equal([1, 5, 0, 2, 4, 3], order);
    }

    [Fact]
    public void Reference_ByTheComplexStep_HasItsBackwardAsGradient()
    {
        int[] ids = [1, 0, 1];
        double[] dy = [1, 2, 3, 4, 5, 6], gradient = new double[4];
        EmbeddingReference.Backward(dy, ids, gradient, 2);
        for (int i = 0; i < gradient.Length; i++)
        {
            var table = new Complex[4];
            table[i] = new Complex(0, 1e-30);
            Complex[] y = EmbeddingReference.Forward(ids, table, 2);
            Assert.Equal(gradient[i], y.Zip(dy, (a, b) => a.Imaginary * b).Sum() / 1e-30, 1e-12);
        }
    }

    [Fact]
    public void ForwardAndBackward_WithoutRowsOrWithWrongShapes_DoNothingOrNameOpAndTensor()
    {
        using var tensors = new HostTensors(2);
        using var pool = new ComputePool(2);
        Embedding op = Create(CpuIsa.Vector256, pool);
        Tensor table = tensors.Random("shared.weight", new(4, 8)), before = tensors.Copy(table);
        Tensor ids = tensors.From("ids", new(2), new[] { 1, 2 });
        Tensor y = tensors.Empty("y", new(3, 8));
        op.Forward(ids.First(0), table, y.First(0));
        op.Backward(y.First(0), ids.First(0), default, table);
        Assert.Equal(before.HostSpan<float>(), table.HostSpan<float>());
        var e = Assert.Throws<ArgumentException>(() => op.Forward(ids, table, y));
        Assert.Contains("embedding.forward: 'y'", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<ArgumentException>(() => op.Backward(y, table.Reshape(new(32)), default, table));
        Assert.Contains("embedding.backward: 'shared.weight'", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<ArgumentException>(() => op.Backward(y.First(2), ids, ids, table));
        Assert.Contains("embedding.backward: expected the order of the rows exactly where this device uses it", e.Message, StringComparison.Ordinal);
        Assert.True(tensors.GuardsAreIntact());
    }

    static Tensor Order(Embedding op, HostTensors tensors, int[] ids)
    {
        if (!op.UsesOrder) return default;
        int[] order = new int[ids.Length];
        Embedding.OrderRows(ids, new long[ids.Length], order);
        return tensors.From("order", new(ids.Length), order);
    }

    static double[] Map(Tensor x, Func<double, double> map) => Array.ConvertAll(x.HostSpan<float>().ToArray(), v => map(v));

    static Embedding Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<Embedding>(isa,
        () => new EmbeddingCpu<F32x1>(pool), () => new EmbeddingCpu<F32x4>(pool),
        () => new EmbeddingCpu<F32x8>(pool), () => new EmbeddingCpu<F32x16>(pool));
}
