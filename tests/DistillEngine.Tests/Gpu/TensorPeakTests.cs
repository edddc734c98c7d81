using DistillEngine.Benchmarks;
using DistillEngine.Kernels;
using ILGPU;
using ILGPU.Runtime;
using Xunit;
using Device = DistillEngine.Kernels.Gpu;

namespace DistillEngine.Tests.Gpu;

/// <summary>The peak loop of tensor cores, with emulated instructions.</summary>
public class TensorPeakTests
{
    const int Warps = 2, Chains = 4;

    [Theory]
    [InlineData(ComputePrecision.Bf16)]
    [InlineData(ComputePrecision.Tf32)]
    public void Loop_OnEmulatedTensorCores_MultipliesAsOftenAsItCounts(ComputePrecision operands)
    {
        using Device gpu = Open();
        TensorPeak peak = Of(gpu, operands);
        int threads = gpu.MostGroups * gpu.GroupSize;
        using MemoryBuffer1D<float, Stride1D.Dense> result = gpu.Accelerator.Allocate1D<float>(threads);
        peak.Launch(result.View);
        gpu.Stream.Synchronize();
        // What a thread holds of the sums of one product; each chain begins with other ones, 0 … 31 together.
        double product = Enumerable.Range(0, 8).Sum(i => Dot(lowerA: i / 2 % 2, lowerB: i / 4, operands));
        float expected = (float)(31 * 32 / 2 + Chains * peak.StepCount * product);
        Assert.All(result.GetAsArray1D(), got => Assert.Equal(expected, got));
        int packed = operands == ComputePrecision.Bf16 ? 2 : 1;
        Assert.Equal(2L * 16 * 16 * 8 * packed * Chains * peak.StepCount * threads / 32, peak.Operations);
    }

    [Fact]
    public void Measure_OfADeviceWithTensorCores_GivesTheirPeaks()
    {
        Device gpu = Open();
        using var backend = new GpuBackend("emulated tensor cores", gpu,
            roofline: new GpuRooflineKernels(gpu, Of(gpu, ComputePrecision.Bf16), Of(gpu, ComputePrecision.Tf32)));
        Roof roof = RooflineMeter.Measure(backend);
        Assert.True(roof.Bf16Gflops > 0 && roof.Tf32Gflops > 0);
        // Emulated, they are slower than float32, which stands for bfloat16 then.
        Assert.Equal((Math.Max(roof.Bf16Gflops!.Value, roof.Fp32Gflops), roof.Tf32Gflops), (roof.Gflops(PeakKind.Bf16), roof.Gflops(PeakKind.Tf32)));
        Assert.Null(roof.Int8Gops);
    }

    [Fact]
    public void Compute_WithoutTensorCores_SaysSo()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using IDeviceRoofline loops = backend.OpenRoofline();
        Assert.All((ComputePrecision[])[ComputePrecision.Bf16, ComputePrecision.Tf32], operands =>
        {
            Assert.Null(loops.Operations(operands));
            InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => loops.Compute(operands));
            Assert.Contains($"no tensor cores that multiply {operands}", e.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Ptx_OfTheLoops_HoldsTheirInstructionsFromCapability8On()
    {
        var loops = PtxTexts.Of(8, 0).Where(kernel => kernel.Name.StartsWith("TensorPeak", StringComparison.Ordinal))
            .ToDictionary(kernel => kernel.Name, kernel => kernel.Text);
        Assert.Equal(2, loops.Count);
        Assert.Contains("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", loops["TensorPeak.Loop<CudaBf16> of 128"], StringComparison.Ordinal);
        Assert.Contains("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", loops["TensorPeak.Loop<CudaTf32> of 128"], StringComparison.Ordinal);
        Assert.DoesNotContain(PtxTexts.Of(7, 0), kernel => kernel.Name.StartsWith("TensorPeak", StringComparison.Ordinal));
    }

    /// <summary>The product of a line of each fragment by the layout of the PTX ISA, from what the loop puts into the registers.</summary>
    /// <param name="lowerA">1 for lines 8 … 15 of a, else 0; so with b.</param>
    static double Dot(int lowerA, int lowerB, ComputePrecision operands)
    {
        double sum = 0;
        for (int word = 0; word < 8; word++)
        {
            double a = 0.25 * (word % 4 + lowerA + word / 4 * 2), b = 0.25 * (word % 4 + lowerB * 2 + word / 4);
            sum += (1 + a) * (b - 1);
            if (operands == ComputePrecision.Bf16) sum += (2 - a) * (b + 1);
        }
        return sum;
    }

    static TensorPeak Of(Device gpu, ComputePrecision operands) =>
        operands == ComputePrecision.Bf16 ? TensorPeak.Of<EmulatedBf16>(gpu) : TensorPeak.Of<EmulatedTf32>(gpu);

    static Device Open() => GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true, warpSize: 32, Warps);
}
