using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The tensor-core product with emulated instructions: warps of 32 threads on ILGPU's emulator run the kernel that CUDA devices do.</summary>
public class TensorCoreTests
{
    [Theory]
    [InlineData(ComputePrecision.Bf16)]
    [InlineData(ComputePrecision.Tf32)]
    public void MatMul_OnOneWarp_AgreesWithTheOracleOfRoundedOperands(ComputePrecision precision)
    {
        using GpuBackend backend = Open<OneWarpTile>(precision);
        RoundedMatMulCases.Agree(new Mirror(backend).Kernels.MatMul, precision, sumsAreTruncated: false, RoundedMatMulCases.Sizes);
    }

    [Theory]
    [InlineData(ComputePrecision.Bf16)]
    [InlineData(ComputePrecision.Tf32)]
    public void MatMul_OnFourWarps_AgreesWithTheOracleOfRoundedOperands(ComputePrecision precision)
    {
        using GpuBackend backend = Open<FourWarpTile>(precision);
        RoundedMatMulCases.Agree(new Mirror(backend).Kernels.MatMul, precision, sumsAreTruncated: false, (36, 68, 20), (33, 40, 35));
    }

    [Fact]
    public void MatMul_OnAnyTile_GivesTheSameBits()
    {
        float[][] one = Results<OneWarpTile>(), four = Results<FourWarpTile>();
        Assert.Equal(one, four);

        static float[][] Results<TTile>() where TTile : struct, ITensorTile
        {
            using GpuBackend backend = Open<TTile>(ComputePrecision.Bf16);
            using var problem = new RoundedProduct(33, 70, 18, Into.Overwrite, ComputePrecision.Bf16, MatMulGpu.MaxFewRows + 1);
            problem.Run(new Mirror(backend).Kernels.MatMul);
            return problem.Results;
        }
    }

    [Fact]
    public void Bf16_OnTheEmulator_IsRoundedAndSaysSo()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator, ComputePrecision.Bf16);
        Assert.Equal($"{GpuDevices.Emulator}+bf16-emulated", backend.Name);
        Assert.Equal(ComputePrecision.Bf16, backend.Precision);
        RoundedMatMulCases.Agree(new Mirror(backend).Kernels.MatMul, ComputePrecision.Bf16, sumsAreTruncated: false, RoundedMatMulCases.Sizes);
    }

    [Fact]
    public void Bf16_OfWhatIsNoNumber_SpoilsItsRowAlone()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator, ComputePrecision.Bf16);
        using var host = new HostTensors(seed: 5);
        foreach (float bad in (float[])[float.NaN, BitConverter.UInt32BitsToSingle(0x7F80_0001), BitConverter.UInt32BitsToSingle(0xFFFF_FFFF),
            float.NegativeInfinity])
        {
            Tensor x = host.Random("x", new(10, 5)), y = host.Empty("y", new(10, 3));
            x.HostSpan<float>()[7 * 5 + 2] = bad;
            new Mirror(backend).Kernels.MatMul.Forward(x, new Weight(host.Random("w", new(3, 5))), Into.Overwrite, y);
            for (int i = 0; i < 30; i++) Assert.Equal(i / 3 != 7, float.IsFinite(y.HostSpan<float>()[i]));
        }
    }

    [Fact]
    public void Tf32_WithoutTensorCores_IsRefused()
    {
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => GpuDevices.Open(GpuDevices.Emulator, ComputePrecision.Tf32));
        Assert.Contains("does not multiply tf32", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ptx_OfTensorCoreKernels_HoldsTheirInstructionsFromCapability8On()
    {
        foreach (var (name, text, _) in PtxTexts.Of(8, 0).Where(kernel => kernel.Name.StartsWith("MatMulTensorTile", StringComparison.Ordinal)))
        {
            Assert.Contains(name.Contains("Bf16", StringComparison.Ordinal)
                ? "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
                : "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", text, StringComparison.Ordinal);
            Assert.DoesNotContain(CudaShared.Placeholder, text, StringComparison.Ordinal);
            // Static shared memory of a group, without asking for more.
            Assert.InRange(int.Parse(System.Text.RegularExpressions.Regex.Match(text, @"\.shared \.align 128 \.b8 \w+\[(\d+)\]").Groups[1].Value,
                System.Globalization.CultureInfo.InvariantCulture), 1, 48 << 10);
        }
        Assert.Equal(18, PtxTexts.Of(8, 0).Count(kernel => kernel.Name.StartsWith("MatMulTensorTile", StringComparison.Ordinal)));
        Assert.DoesNotContain(PtxTexts.Of(7, 0), kernel => kernel.Name.StartsWith("MatMulTensorTile", StringComparison.Ordinal));
    }

    [Fact]
    public void Ptx_OfPipelines_CopiesInTheBackgroundAndKeepsNothingInMemory()
    {
        var pipelines = PtxTexts.Of(8, 0).Where(kernel => kernel.Name.StartsWith("MatMulPipeline", StringComparison.Ordinal)).ToArray();
        Assert.Equal(9, pipelines.Length);
        Assert.All(pipelines, kernel =>
        {
            Assert.All(["cp.async.cg.shared.global [", "cp.async.commit_group;", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"],
                instruction => Assert.Contains(instruction, kernel.Text, StringComparison.Ordinal));
            foreach (var (operand, load) in (ReadOnlySpan<(string, string)>)[(nameof(Steps), "x4.trans.shared"), (nameof(Lines), "x4.shared")])
            {
                Assert.Equal(kernel.Name.Contains(operand, StringComparison.Ordinal),
                    kernel.Text.Contains($"ldmatrix.sync.aligned.m8n8.{load}", StringComparison.Ordinal));
            }
            Assert.DoesNotContain(".local", kernel.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(CudaShared.Placeholder, kernel.Text, StringComparison.Ordinal);
            // All but one of the slices on their way or multiplied: of three stages one group may be open, of four two.
            bool isDeep = kernel.Name.Contains(nameof(WidePipelineTile), StringComparison.Ordinal);
            Assert.Contains($"cp.async.wait_group {(isDeep ? 1 : 2)};", kernel.Text, StringComparison.Ordinal);
            // What devices of compute capability 8.0, and with 8.6 of the others, give a group.
            Assert.InRange(kernel.DynamicSharedBytes, (48 << 10) + 1, (isDeep ? 163 : 99) << 10);
        });
        Assert.DoesNotContain(PtxTexts.Of(7, 0), kernel => kernel.Name.StartsWith("MatMulPipeline", StringComparison.Ordinal));
    }

    static GpuBackend Open<TTile>(ComputePrecision precision) where TTile : struct, ITensorTile
    {
        var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true, warpSize: 32, warps: TTile.WarpsDown * TTile.WarpsAcross);
        var settings = new MatMulSettings { Precision = precision, HasTensorCores = true };
        MatMulTileSet tile = precision == ComputePrecision.Bf16
            ? MatMulTileSet.OfTensorCores<TTile, EmulatedBf16>(gpu)
            : MatMulTileSet.OfTensorCores<TTile, EmulatedTf32>(gpu);
        return new("emulated tensor cores", gpu, settings, new MatMulGpu(gpu, settings, [tile]));
    }
}
