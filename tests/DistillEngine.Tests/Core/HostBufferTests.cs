using DistillEngine.Core;
using Xunit;

namespace DistillEngine.Tests.Core;

public unsafe class HostBufferTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(5 << 20)]
    [InlineData((9 << 20) + 1)]
    public void Pointer_OfAnyLength_IsAlignedToACacheLine(long length)
    {
        using var buffer = new HostBuffer(length, "test");
        Assert.Equal(0, (nint)buffer.Pointer % HostBuffer.Alignment);
        Assert.Equal(length, buffer.ByteLength);
    }

    [Fact]
    public void Pointer_OfALargeBuffer_LiesWhereHugePagesWereAskedFor()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Only Linux is asked for huge pages.");
        if (!File.Exists("/sys/kernel/mm/transparent_hugepage/enabled")) Assert.Skip("This system has no transparent huge pages.");
        using var buffer = new HostBuffer(16 << 20, "test");
        Assert.Equal(0, (nint)buffer.Pointer % (2 << 20));
        Assert.Contains(" hg", FlagsAt((long)buffer.Pointer), StringComparison.Ordinal);
    }

    /// <summary>The flags that the system keeps for the mapping around an address.</summary>
    static string FlagsAt(long address)
    {
        bool inside = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string[] range = line.Split(' ')[0].Split('-');
            if (range.Length == 2)
                inside = Convert.ToInt64(range[0], 16) <= address && address < Convert.ToInt64(range[1], 16);
            else if (inside && line.StartsWith("VmFlags:", StringComparison.Ordinal))
                return line;
        }
        return "";
    }
}
