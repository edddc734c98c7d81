using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

/// <summary>Packing by groups of panels and by pieces gives what the packing of whole panels is defined to give, and touches nothing else.</summary>
public unsafe class GemmPackTests
{
    const int PanelWords = 80;

    [Theory]
    [InlineData(CpuIsa.Vector256, ComputePrecision.F32)]
    [InlineData(CpuIsa.Avx2, ComputePrecision.F32)]
    [InlineData(CpuIsa.Avx512, ComputePrecision.F32)]
    [InlineData(CpuIsa.Avx2, ComputePrecision.Bf16)]
    [InlineData(CpuIsa.Avx512Bf16, ComputePrecision.Bf16)]
    public void PackRowPanels_OfEveryCountAndPiece_HoldsTheRowsInOrder(CpuIsa isa, ComputePrecision precision)
    {
        CpuVariants.SkipWhereImpossible(isa);
        GemmKernel kernel = GemmKernel.For<F32x8>(isa, precision);
        foreach (bool linesAreContiguous in new[] { false, true })
            foreach (int depth in new[] { 1, 2, 15, 16, 33, 64, 79 })
                foreach (int count in new[] { 1, kernel.Rows, 2 * kernel.Rows + 1, 4 * kernel.Rows - 1, 4 * kernel.Rows })
                    foreach (int bound in new[] { 0, 32 })
                        AssertRows(kernel, precision, linesAreContiguous, count, depth, depth > bound ? bound : 0);
    }

    static void AssertRows(GemmKernel kernel, ComputePrecision precision, bool linesAreContiguous, int count, int depth, int bound)
    {
        using var host = new HostTensors(seed: count * 1000 + depth);
        Tensor source = host.Random("source", linesAreContiguous ? new(count, depth) : new(depth, count));
        GemmOperand a = linesAreContiguous ? GemmOperand.OfLines(source.HostPointer<float>(), depth) : GemmOperand.OfSteps(source.HostPointer<float>(), count);
        int panels = (count + kernel.Rows - 1) / kernel.Rows;
        Tensor packed = host.Empty("panels", new(panels, PanelWords * kernel.Rows));
        float* to = packed.HostPointer<float>();
        if (bound > 0) kernel.PackRowPanels(a, 0, count, 0, new GemmPiece(0, bound), to, PanelWords * kernel.Rows);
        kernel.PackRowPanels(a, 0, count, 0, new GemmPiece(bound, depth - bound), to, PanelWords * kernel.Rows);

        for (int panel = 0; panel < panels; panel++)
        {
            int rows = Math.Min(kernel.Rows, count - panel * kernel.Rows), lines = kernel.PanelRows(rows),
                words = (depth + kernel.StepsPerWord - 1) / kernel.StepsPerWord;
            ReadOnlySpan<float> got = packed.HostSpan<float>().Slice(panel * PanelWords * kernel.Rows, PanelWords * kernel.Rows);
            for (int i = 0; i < got.Length; i++)
            {
                string where = $"{count} rows, {depth} steps from {bound}: word {i} of panel {panel}";
                if (i >= words * lines) Assert.True(float.IsNaN(got[i]), where + " is written");
                else Assert.True(Expected(a, precision, panel * kernel.Rows, rows, i / lines, i % lines, depth,
                    kernel.StepsPerWord) == BitConverter.SingleToUInt32Bits(got[i]), where);
            }
        }
        Assert.True(host.GuardsAreIntact());
    }

    static uint Expected(GemmOperand a, ComputePrecision precision, int first, int rows, int word, int line, int depth, int stepsPerWord)
    {
        if (line >= rows) return 0;
        float earlier = *a.At(first + line, (long)word * stepsPerWord);
        if (stepsPerWord == 1) return precision == ComputePrecision.Bf16 ? Bf16.Round(earlier) & 0xFFFF0000 : BitConverter.SingleToUInt32Bits(earlier);
        return Bf16.Word(earlier, 2 * word + 1 < depth ? *a.At(first + line, 2 * word + 1) : 0);
    }
}
