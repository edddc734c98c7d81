using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>Every kernel compiles for every device family without a driver.</summary>
public class KernelTextsTests
{
    [Theory]
    [InlineData(7, 0)]
    [InlineData(8, 0)]
    [InlineData(9, 0)]
    public void Ptx_OfEveryKernel_NamesItsTargetAndCallsNothingOutside(int major, int minor)
    {
        IReadOnlyList<(string Name, string Text, int DynamicSharedBytes)> texts = PtxTexts.Of(major, minor);
        Assert.NotEmpty(texts);
        Assert.All(texts, kernel =>
        {
            Assert.Contains($".target sm_{major}{minor}", kernel.Text, StringComparison.Ordinal);
            Assert.Contains(".visible .entry", kernel.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(".extern .func", kernel.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("bra.uni", kernel.Text, StringComparison.Ordinal);
        });
        Assert.All(texts.Where(kernel => kernel.Name.Contains("WarpLanes", StringComparison.Ordinal)),
            kernel => Assert.Contains("shfl.sync.bfly", kernel.Text, StringComparison.Ordinal));
        Assert.DoesNotContain(texts, kernel => kernel.Name.Contains("SharedLanes", StringComparison.Ordinal));
    }

    [Fact]
    public void OpenCl_OfEveryKernel_FencesBothMemoriesAtBarriers()
    {
        IReadOnlyList<(string Name, string Text, int DynamicSharedBytes)> texts = KernelTexts.OpenCl();
        Assert.NotEmpty(texts);
        Assert.All(texts, kernel => Assert.DoesNotContain("barrier(CLK_GLOBAL_MEM_FENCE)", kernel.Text, StringComparison.Ordinal));
        Assert.Contains(texts, kernel => kernel.Text.Contains("CLK_GLOBAL_MEM_FENCE|CLK_LOCAL_MEM_FENCE", StringComparison.Ordinal));
    }
}
