using System.Globalization;
using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>What the processor says of itself, beside what Linux reads from it.</summary>
public class ProcessorTests
{
    const string CpuInfo = "/proc/cpuinfo";

    [Fact]
    public void SecondCache_OfAmd_IsTheOneThatLinuxShows()
    {
        // Of other vendors Linux shows the last cache.
        long kilobytes = long.Parse(OfAmd("cache size").Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.Equal(kilobytes << 10, ProcessorCaches.Machine.Second.Bytes);
    }

    [Fact]
    public void IsZen5OrLater_OfAmd_GoesByTheFamilyThatLinuxShows() =>
        Assert.Equal(int.Parse(OfAmd("cpu family"), CultureInfo.InvariantCulture) >= 26, Processor.IsZen5OrLater);

    /// <summary>A line of the first processor; skips the test on others.</summary>
    static string OfAmd(string name)
    {
        if (Processor.Obstacle(CpuIsa.Avx2) is { } obstacle) Assert.Skip(obstacle);
        if (!File.Exists(CpuInfo)) Assert.Skip($"There is no {CpuInfo}.");
        string[][] lines = [.. File.ReadLines(CpuInfo).Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries)).Where(parts => parts.Length == 2)];
        if (Value("vendor_id") != "AuthenticAMD") Assert.Skip("The processor is not AMD's.");
        return Value(name);

        string Value(string key) => lines.First(parts => parts[0] == key)[1];
    }
}
