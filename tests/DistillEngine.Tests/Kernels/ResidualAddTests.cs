using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class ResidualAddTests
{
    static readonly DropoutSite Site = new(0.3f, 0x0badcafe);

    public static TheoryData<CpuIsa> Isas => CpuVariants.Isas;

    [Theory]
    [MemberData(nameof(Isas))]
    public void ForwardAndBackward_AgainstTheOracle_AreWithinRounding(CpuIsa isa)
    {
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var pool = new ComputePool(threads);
            ResidualAdd op = Create(isa, pool);
            foreach (int width in CpuVariants.EdgeLengths) AgreesWithTheOracle(op, width);
        }
    }

    internal static void AgreesWithTheOracle(ResidualAdd op, int width)
    {
        foreach (DropoutSite site in new[] { DropoutSite.None, Site })
        {
            using var tensors = new HostTensors(width);
            Tensor x = tensors.Random("x", new(3, width)), branch = tensors.Random("branch", x.Shape, 100);
            Tensor keys = DropoutTests.RowKeys(tensors, 3);
            Tensor y = tensors.Empty("y", x.Shape), dBranch = tensors.Empty("dBranch", x.Shape);
            int[] keyArray = keys.HostSpan<int>().ToArray();
            op.Forward(x, branch, keys, site, y);
            op.Backward(x, keys, site, dBranch);
            double[] expected = ResidualAddReference.Forward(Doubles(x), Doubles(branch), keyArray, site);
            double[] magnitude = ResidualAddReference.Forward(Magnitudes(x), Magnitudes(branch), keyArray, site);
            Tolerance.AssertWithin(y.HostSpan<float>(), expected, Bounds(magnitude), $"y, width {width}");
            expected = ResidualAddReference.Backward(Doubles(x), keyArray, site);
            magnitude = ResidualAddReference.Backward(Magnitudes(x), keyArray, site);
            Tolerance.AssertWithin(dBranch.HostSpan<float>(), expected, Bounds(magnitude), $"dBranch, width {width}");
            Assert.True(tensors.GuardsAreIntact());
        }
    }

    [Theory]
    [MemberData(nameof(Isas))]
    public void Forward_InPlaceOnAnyThreads_GivesTheSameBits(CpuIsa isa)
    {
        using var tensors = new HostTensors(1);
        Tensor x = tensors.Random("x", new(700, 67)), branch = tensors.Random("branch", x.Shape), keys = DropoutTests.RowKeys(tensors, 700);
        foreach (DropoutSite site in new[] { DropoutSite.None, Site })
        {
            Tensor expected = tensors.Empty("y", x.Shape);
            using (var single = new ComputePool(1)) Create(isa, single).Forward(x, branch, keys, site, expected);
            for (int threads = 1; threads <= 3; threads++)
            {
                using var pool = new ComputePool(threads);
                ResidualAdd op = Create(isa, pool);
                Tensor overX = tensors.Copy(x), overBranch = tensors.Copy(branch);
                op.Forward(overX, branch, keys, site, overX);
                op.Forward(x, overBranch, keys, site, overBranch);
                Assert.Equal(expected.HostSpan<float>(), overX.HostSpan<float>());
                Assert.Equal(expected.HostSpan<float>(), overBranch.HostSpan<float>());
            }
        }
        Assert.True(tensors.GuardsAreIntact());
    }

    [Fact]
    public void Forward_WithoutRowsOrWithWrongShapes_DoesNothingOrNamesOpAndTensor()
    {
        using var tensors = new HostTensors(2);
        using var pool = new ComputePool(2);
        ResidualAdd op = Create(CpuIsa.Vector256, pool);
        Tensor x = tensors.Random("x", new(4, 8)), keys = DropoutTests.RowKeys(tensors, 4), y = tensors.Empty("narrow", new(4, 7));
        op.Forward(x.First(0), x.First(0), keys.First(0), Site, y.First(0).Reshape(new(0, 8)));
        op.Backward(x.First(0), keys.First(0), Site, x.First(0));
        var e = Assert.Throws<ArgumentException>(() => op.Forward(x, x, keys, Site, y));
        Assert.Contains("residual_add.forward: 'narrow'", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<ArgumentException>(() => op.Backward(keys.Reshape(new(2, 2)), keys.First(2), Site, x));
        Assert.Contains("residual_add.backward: 'rowKeys'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void ForwardAndBackward_AtAnImpossibleRate_NameIt(float rate)
    {
        using var tensors = new HostTensors(4);
        using var pool = new ComputePool(1);
        ResidualAdd op = Create(CpuIsa.Scalar, pool);
        Tensor x = tensors.Random("x", new(2, 3)), keys = DropoutTests.RowKeys(tensors, 2), y = tensors.Empty("y", x.Shape);
        var site = new DropoutSite(rate, 1);
        string expected = $"expected a dropout rate of 0 to below 1, got {rate}";
        Assert.Contains($"residual_add.forward: {expected}", Assert.Throws<ArgumentException>(() => op.Forward(x, x, keys, site, y)).Message);
        Assert.Contains($"residual_add.backward: {expected}", Assert.Throws<ArgumentException>(() => op.Backward(x, keys, site, y)).Message);
    }

    static double[] Doubles(Tensor x) => Array.ConvertAll(x.HostSpan<float>().ToArray(), v => (double)v);
    static double[] Magnitudes(Tensor x) => Array.ConvertAll(x.HostSpan<float>().ToArray(), v => Math.Abs((double)v));
    static double[] Bounds(double[] magnitude) => Array.ConvertAll(magnitude, m => Tolerance.Elementwise * Tolerance.Epsilon * m);

    static ResidualAdd Create(CpuIsa isa, ComputePool pool) => CpuVariants.Create<ResidualAdd>(isa,
        () => new ResidualAddCpu<F32x1>(pool), () => new ResidualAddCpu<F32x4>(pool),
        () => new ResidualAddCpu<F32x8>(pool), () => new ResidualAddCpu<F32x16>(pool));
}
