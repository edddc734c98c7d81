using DistillEngine.Core;
using DistillEngine.Kernels;
using ILGPU;
using ILGPU.Runtime;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>Products of few rows, whose factors are read in fours where they lie so.</summary>
public class FewRowsTests
{
    [Theory]
    [InlineData(0, 0, 12)]
    [InlineData(1, 0, 12)]
    [InlineData(0, 2, 12)]
    [InlineData(0, 0, 13)]
    [InlineData(0, 0, 4)]
    public void Product_OfFactorsAtAnyPlace_IsExact(int xOffset, int wOffset, int inputs)
    {
        const int Rows = 3, Outputs = 5, W = 128, Y = 256;
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        // Small integers: their sums are exact in any order.
        float[] x = [.. Enumerable.Range(0, Rows * inputs).Select(i => i % 7 - 3f)], w = [.. Enumerable.Range(0, Outputs * inputs).Select(i => i % 5 - 2f)];
        float[] y = new float[Rows * Outputs];
        using MemoryBuffer memory = gpu.AllocateRaw(512 * sizeof(float), "operands");
        ArrayView<float> xView = new(memory, xOffset, x.Length), wView = new(memory, W + wOffset, w.Length), yView = new(memory, Y, y.Length);
        xView.CopyFromCPU(x);
        wView.CopyFromCPU(w);

        new MatMulGpu(gpu).Forward(xView, wView, Rows, Outputs, inputs, Into.Overwrite, yView, Outputs);

        gpu.Stream.Synchronize();
        yView.CopyToCPU(y);
        Assert.Equal(MatMulReference.Forward(x, w, Rows, inputs, Outputs), y);
    }

    [Fact]
    public void Ptx_OfTheKernel_LoadsFourFloatsAtOnce() =>
        Assert.All(PtxTexts.Of(8, 0).Where(kernel => kernel.Name.StartsWith("MatMulGpu.FewRows", StringComparison.Ordinal)),
            kernel => Assert.Contains("ld.global.v4.f32", kernel.Text, StringComparison.Ordinal));
}
