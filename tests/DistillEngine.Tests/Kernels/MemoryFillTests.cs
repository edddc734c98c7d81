using DistillEngine.Core;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels;

public class MemoryFillTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(1, 5)]
    [InlineData(70_001, 3)]
    [InlineData(200_000, 1)]
    [InlineData((1 << 20) + 77, 5)]
    public void Fill_OnAnyThreadCount_WritesEveryElementAndNoOther(int count, int offset)
    {
        for (int threads = 1; threads <= 3; threads++)
        {
            using var backend = new CpuBackend(CpuIsa.Vector256, threads);
            using DeviceBuffer buffer = backend.Allocate((count + offset + 9) * sizeof(float), "test");
            var whole = new Tensor(buffer, 0, new(count + offset + 9), DType.F32, "whole");
            whole.HostSpan<float>().Fill(-1);
            backend.Fill(new Tensor(buffer, offset, new(count), DType.F32, "part"), 2.5f);
            Span<float> values = whole.HostSpan<float>();
            Assert.Equal(-1, values[..offset].IndexOfAnyExcept(-1f));
            Assert.Equal(-1, values.Slice(offset, count).IndexOfAnyExcept(2.5f));
            Assert.Equal(-1, values[(offset + count)..].IndexOfAnyExcept(-1f));
        }
    }
}
