using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using Xunit;
using Device = DistillEngine.Kernels.Gpu;

namespace DistillEngine.Tests.Gpu;

/// <summary>The product whose slices are copied in the background, with emulated instructions: the kernel that CUDA devices run.</summary>
public class PipelineTests
{
    // Beside the edges of blocks and chunks: depths of no slice, one, fewer than stages, as many and more, and several blocks.
    static readonly (int, int, int)[] Sizes =
    [
        (3, 5, 18), (17, 1, 5), (70, 24, 66), (12, 0, 4), (64, 96, 8), (9, 330, 70),
    ];

    // Where copies that arrive at once could overwrite what is still read.
    static readonly (int, int, int)[] ManySlices = [(9, 330, 70)];

    [Fact]
    public void MatMul_OfShallowSlices_AgreesWithTheOracleWheneverCopiesArrive()
    {
        Agree<ShallowTestPipeline, Early>(ManySlices);
        Agree<ShallowTestPipeline, Late>(Sizes);
    }

    [Fact]
    public void MatMul_OfDeepSlices_AgreesWithTheOracleWheneverCopiesArrive()
    {
        Agree<DeepTestPipeline, Early>(ManySlices);
        Agree<DeepTestPipeline, Late>(Sizes);
    }

    [Fact]
    public void MatMul_ByAnyPipeline_GivesTheBitsOfTheTensorTile()
    {
        using Device ofTile = OpenDevice(1);
        float[][] expected = Results(ofTile, MatMulTileSet.OfTensorCores<OneWarpTile, EmulatedBf16>(ofTile));
        using Device ofShallow = OpenDevice(2), ofDeep = OpenDevice(2);
        Assert.Equal(expected, Results(ofShallow, PipelineTileSet.TryCreate<ShallowTestPipeline, EmulatedPipeline<Early>>(ofShallow)!));
        Assert.Equal(expected, Results(ofDeep, PipelineTileSet.TryCreate<DeepTestPipeline, EmulatedPipeline<Late>>(ofDeep)!));

        static float[][] Results(Device gpu, MatMulTileSet tile)
        {
            using var problem = new RoundedProduct(33, 150, 70, Into.Overwrite, ComputePrecision.Bf16, MatMulGpu.MaxFewRows + 1);
            GpuBackend backend = Open(gpu, tile);
            problem.Run(new Mirror(backend).Kernels.MatMul);
            return problem.Results;
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 5)]
    [InlineData(8, 2)]
    [InlineData(19, 7)]
    public void Blocks_OfAnyResult_AreEachTakenByOneGroup(int down, int across)
    {
        var blocks = Enumerable.Range(0, down * across)
            .Select(group => (Row: MatMulPipeline.BlockRow(group, down, across), Column: MatMulPipeline.BlockColumn(group, down, across))).ToArray();
        Assert.Equal(down * across, blocks.Distinct().Count());
        Assert.All(blocks, block => Assert.True(block.Row >= 0 && block.Row < down && block.Column >= 0 && block.Column < across));
    }

    static void Agree<TTile, TTime>((int, int, int)[] sizes) where TTile : struct, IPipelineTile where TTime : struct, ICopyTime
    {
        Device gpu = OpenDevice(TTile.WarpsDown * TTile.WarpsAcross);
        using GpuBackend backend = Open(gpu, PipelineTileSet.TryCreate<TTile, EmulatedPipeline<TTime>>(gpu)!);
        RoundedMatMulCases.Agree(new Mirror(backend).Kernels.MatMul, ComputePrecision.Bf16, sumsAreTruncated: false, sizes);
    }

    static Device OpenDevice(int warps) => GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true, warpSize: 32, warps);

    static GpuBackend Open(Device gpu, MatMulTileSet tile)
    {
        var settings = new MatMulSettings { Precision = ComputePrecision.Bf16, HasTensorCores = true };
        return new("emulated tensor cores", gpu, settings, new MatMulGpu(gpu, settings, [tile]));
    }
}
