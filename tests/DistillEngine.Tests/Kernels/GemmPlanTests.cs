using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>What is planned behind some tiles is asked for before it is packed, and packed once, by the last of them.</summary>
public unsafe class GemmPlanTests
{
    const int FirstTile = 5;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Pack_BehindTheTilesOfAPlan_PacksEveryStepAsAtOnce(bool linesAreContiguous)
    {
        GemmKernel kernel = GemmKernel.For<F32x8>(CpuIsa.Vector256);
        foreach (int depth in new[] { 1, 31, 64, 300, 512, 768 })
            foreach (int tiles in new[] { 1, 3, 7, 16 })
            {
                using var host = new HostTensors(seed: depth + tiles);
                int count = kernel.Columns;
                Tensor source = host.Random("source", linesAreContiguous ? new(count, depth) : new(depth, count));
                Tensor packed = host.Empty("packed", new(depth, count)), expected = host.Empty("expected", new(depth, count));
                float* from = source.HostPointer<float>();
                GemmOperand b = linesAreContiguous ? GemmOperand.OfLines(from, depth) : GemmOperand.OfSteps(from, count);
                kernel.PackColumns(b, 0, count, 0, depth, expected.HostPointer<float>());

                var lines = new GemmLines(kernel, b, isRows: false, 0, count, 0, depth, packed.HostPointer<float>(), depth);
                int pieces = Follow(new GemmPlan(lines, FirstTile, tiles), tiles);

                Assert.Equal(expected.HostSpan<float>(), packed.HostSpan<float>());
                Assert.Equal(linesAreContiguous ? Math.Clamp(depth / 256, 1, tiles) : Math.Min((depth + 31) / 32, tiles), pieces);
                Assert.True(host.GuardsAreIntact());
            }
    }

    [Fact]
    public void APlan_OfNoLines_AsksForNothingAndPacksNothing() => Assert.Equal(0, Follow(new GemmPlan(default, FirstTile, 4), 4));

    /// <returns>Pieces that were packed.</returns>
    static int Follow(GemmPlan plan, int tiles)
    {
        int pieces = 0;
        bool isAsked = false;
        for (int tile = FirstTile; tile < FirstTile + tiles; tile++)
        {
            if (plan.BeginsAt(tile))
            {
                GemmPrefetch ahead = default;
                plan.Ask(&ahead);
                Assert.True(ahead.Left > 0);
                isAsked = true;
            }
            Assert.Equal(isAsked, plan.TilesLeft(tile) > 0);
            if (!plan.EndsAt(tile)) continue;
            Assert.True(isAsked, $"tile {tile} packs what was not asked for");
            plan.Pack();
            pieces++;
            isAsked = false;
        }
        Assert.True(plan.TilesLeft(FirstTile + tiles) <= 0);
        return pieces;
    }
}
