using System.Numerics;
using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class DropoutTests
{
    static readonly DropoutSite Site = new(0.25f, 0x1234abcd);

    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_AtEveryWidth_MaskByTheScalarDefinitionBitForBit(CpuIsa isa)
    {
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var pool = new ComputePool(threads);
            Dropout op = Create(isa, pool);
            foreach (int width in CpuVariants.EdgeLengths) MasksByTheDefinition(op, width);
        }
    }

    internal static void MasksByTheDefinition(Dropout op, int width)
    {
        using var tensors = new HostTensors(width);
        Tensor x = tensors.Random("x", new(5, width)), y = tensors.Empty("y", x.Shape), dx = tensors.Empty("dx", x.Shape);
        Tensor keys = RowKeys(tensors, 5);
        op.Forward(x, keys, Site, y);
        op.Backward(x, keys, Site, dx);
        for (int i = 0; i < 5 * width; i++)
        {
            float expected = x.HostSpan<float>()[i]
                * DropoutReference.Factor(Site, (uint)keys.HostSpan<int>()[i / width], (uint)(i % width));
            Assert.Equal(expected, y.HostSpan<float>()[i]);
            Assert.Equal(expected, dx.HostSpan<float>()[i]);
        }
        Assert.True(tensors.GuardsAreIntact());
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_OnMoreRowsThanOnePart_GivesTheSameBitsForAnyThreads(CpuIsa isa)
    {
        using var tensors = new HostTensors(1);
        Tensor x = tensors.Random("x", new(1100, 65)), keys = RowKeys(tensors, 1100);
        Tensor[] results = new Tensor[3];
        for (int threads = 1; threads <= 3; threads++)
        {
            using var pool = new ComputePool(threads);
            results[threads - 1] = tensors.Empty("y", x.Shape);
            Create(isa, pool).Forward(x, keys, Site, results[threads - 1]);
        }
        Assert.Equal(results[0].HostSpan<float>(), results[1].HostSpan<float>());
        Assert.Equal(results[0].HostSpan<float>(), results[2].HostSpan<float>());
    }

    [Theory]
    [InlineData(0.01f)]
    [InlineData(0.1f)]
    [InlineData(0.5f)]
    [InlineData(0.9f)]
    public void Forward_OfOnes_KeepsTheShareThatTheRateLeaves(float rate)
    {
        const int Rows = 200, Width = 512;
        using var tensors = new HostTensors(7);
        using var pool = new ComputePool(1);
        Tensor ones = tensors.Filled("x", new(Rows, Width), 1), y = tensors.Empty("y", ones.Shape);
        var site = new DropoutSite(rate, CounterRng.SiteKey(seed: 3, step: 5, site: 7));
        Create(CpuIsa.Vector256, pool).Forward(ones, RowKeys(tensors, Rows), site, y);
        int kept = 0;
        foreach (float value in y.HostSpan<float>())
        {
            Assert.True(value == 0 || value == site.KeepScale);
            if (value != 0) kept++;
        }
        const double Count = Rows * Width;
        double deviation = Math.Sqrt(Count * rate * (1 - rate));
        Assert.InRange(kept - Count * (1 - rate), -5 * deviation, 5 * deviation);
    }

    [Fact]
    public void Forward_WhenRowsArePackedOtherwise_DrawsTheSameMaskForEachToken()
    {
        const int Rows = 9, Width = 37;
        using var tensors = new HostTensors(2);
        using var pool = new ComputePool(1);
        Dropout op = Create(CpuIsa.Vector256, pool);
        Tensor x = tensors.Random("x", new(Rows, Width)), keys = RowKeys(tensors, Rows), y = tensors.Empty("y", x.Shape);
        op.Forward(x, keys, Site, y);
        Tensor reversed = tensors.Copy(x), reversedY = tensors.Empty("y", x.Shape);
        for (int row = 0; row < Rows; row++)
            x.HostSpan<float>().Slice(row * Width, Width).CopyTo(reversed.HostSpan<float>()[((Rows - 1 - row) * Width)..]);
        keys.HostSpan<int>().Reverse();
        op.Forward(reversed, keys, Site, reversedY);
        for (int row = 0; row < Rows; row++)
            Assert.Equal(y.HostSpan<float>().Slice(row * Width, Width), reversedY.HostSpan<float>().Slice((Rows - 1 - row) * Width, Width));
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_InPlaceInactiveOrEmpty_DoesWhatTheContractSays(CpuIsa isa)
    {
        using var tensors = new HostTensors(3);
        using var pool = new ComputePool(2);
        Dropout op = Create(isa, pool);
        Tensor x = tensors.Random("x", new(6, 19)), keys = RowKeys(tensors, 6), y = tensors.Empty("y", x.Shape);
        op.Forward(x, keys, DropoutSite.None, y);
        Assert.Equal(x.HostSpan<float>(), y.HostSpan<float>());
        op.Forward(x, keys, DropoutSite.None, x);
        Assert.Equal(y.HostSpan<float>(), x.HostSpan<float>());

        op.Forward(x, keys, Site, y);
        op.Forward(x, keys, Site, x);
        Assert.Equal(y.HostSpan<float>(), x.HostSpan<float>());
        op.Forward(x.First(0), keys.First(0), Site, y.First(0));
        Assert.True(tensors.GuardsAreIntact());
    }

    [Fact]
    public void Reference_ByTheComplexStep_HasItsMaskAsGradient()
    {
        int[] keys = [11, -5];
        Complex[] x = [1, 2, 3, 4, 5, 6, 7, 8];
        double[] ones = [1, 1, 1, 1, 1, 1, 1, 1];
        double[] gradient = DropoutReference.Forward(ones, keys, Site);
        for (int i = 0; i < x.Length; i++)
        {
            var moved = (Complex[])x.Clone();
            moved[i] += new Complex(0, 1e-30);
            Complex[] y = DropoutReference.Forward(moved, keys, Site);
            Assert.Equal(gradient[i], y[i].Imaginary / 1e-30, 1e-15);
        }
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void ForwardAndBackward_AtAnImpossibleRate_NameIt(float rate)
    {
        using var tensors = new HostTensors(4);
        using var pool = new ComputePool(1);
        Dropout op = Create(CpuIsa.Scalar, pool);
        Tensor x = tensors.Random("x", new(2, 3)), keys = RowKeys(tensors, 2);
        var site = new DropoutSite(rate, 1);
        string expected = $"expected a dropout rate of 0 to below 1, got {rate}";
        Assert.Contains($"dropout.forward: {expected}", Assert.Throws<ArgumentException>(() => op.Forward(x, keys, site, x)).Message);
        Assert.Contains($"dropout.backward: {expected}", Assert.Throws<ArgumentException>(() => op.Backward(x, keys, site, x)).Message);
    }

    [Fact]
    public void Forward_WithWrongShapes_NamesOpAndTensor()
    {
        using var tensors = new HostTensors(4);
        using var pool = new ComputePool(1);
        Dropout op = Create(CpuIsa.Scalar, pool);
        Tensor x = tensors.Random("hidden", new(4, 8)), y = tensors.Empty("short", new(3, 8));
        var e = Assert.Throws<ArgumentException>(() => op.Forward(x, RowKeys(tensors, 4), Site, y));
        Assert.Contains("dropout.forward: 'short'", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<ArgumentException>(() => op.Backward(x, x, Site, x));
        Assert.Contains("dropout.backward: 'hidden'", e.Message, StringComparison.Ordinal);
    }

    internal static Tensor RowKeys(HostTensors tensors, int rows)
    {
        int[] keys = new int[rows];
        for (int row = 0; row < rows; row++) keys[row] = (int)CounterRng.RowKey(row / 4, row % 4);
        return tensors.From("rowKeys", new(rows), keys);
    }

    static Dropout Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<Dropout>(isa,
        () => new DropoutCpu<F32x1>(pool), () => new DropoutCpu<F32x4>(pool),
        () => new DropoutCpu<F32x8>(pool), () => new DropoutCpu<F32x16>(pool));
}
