using DistillEngine.Bench.Shown;
using DistillEngine.Kernels;
using DistillEngine.Tests.Verification;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>The published suites of devices run on this one, cuBLAS where it is installed, at sizes that say little about speed.</summary>
public class DeviceShownTests
{
    public static TheoryData<string> Suites => [.. ShownSuite.All.Where(suite => suite.IsOfDevice).Select(suite => suite.Name)];

    [Theory, MemberData(nameof(Suites))]
    public void Run_OnTheDevice_GivesARowForEachTypeThatItHas(string name)
    {
        using GpuBackend backend = DeviceUnderTest.Open();
        // Slow devices, a processor's OpenCL above all, take minutes for the peaks of every type.
        ComputePrecision[] types = backend.Products.HasTensorCores ? ShownSizes.Full.DeviceTypes : ShownSizes.Tiny.DeviceTypes;
        ShownSizes sizes = ShownSizes.Tiny with
        {
            Device = new(DeviceUnderTest.Name),
            DeviceTypes = types,
            DeviceProducts = [(256, 256, 256)],
            Base = Path.Combine(GoldenCopy.Repository, "models", "shortest"),
        };
        ShownTable table = ShownSuite.Find(name)!.Run(sizes);
        var text = new StringWriter();
        table.WriteMarkdown(text);
        TestContext.Current.TestOutputHelper!.WriteLine(text.ToString());
        Assert.Equal(types.Length, table.Rows.Count);
        Assert.Empty(table.Notes);
    }
}
