using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Verification;
using DistillEngine.Verification;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The device kernels on ILGPU's emulator, at shapes that take seconds.</summary>
public class EmulatorTests
{
    const int Count = 1000;

    public static TheoryData<string> Cases => [.. DeviceOpCases.All.Keys];

    [Theory, MemberData(nameof(Cases))]
    public void Op_OnTheEmulator_AgreesWithItsOracle(string name)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        DeviceOpCases.All[name](new Mirror(backend).Kernels);
    }

    [Theory]
    [InlineData("models/shortest")]
    [InlineData("models/buckets")]
    public void Verify_OnTheEmulator_PassesEveryCheck(string name) => PassesEveryCheck(GoldenCopy.Repository, name);

    [Fact]
    public void Verify_OfMt5OnTheEmulator_PassesEveryCheck() => PassesEveryCheck(GoldenCopy.Shared, "models/mt5");

    [Fact]
    public void Download_WhileTheCollectorMovesArrays_FillsTheCallersArray()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using DeviceBuffer buffer = backend.Allocate(Count * sizeof(float), "source");
        var source = new Tensor(buffer, 0, new(Count), DType.F32, "source");
        float[] expected = [.. Enumerable.Range(0, Count)];
        backend.Upload<float>(expected, source);
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested) GC.Collect(0, GCCollectionMode.Forced, blocking: true, compacting: true);
        });
        collector.Start();
        try
        {
            for (int i = 0; i < 2000; i++)
            {
                _ = new byte[i]; // Leaves a gap, so that the next array moves when it is collected.
                float[] host = new float[Count];
                backend.Download<float>(source, host);
                Assert.Equal(expected, host);
            }
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }
    }

    static void PassesEveryCheck(string folder, string name)
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        using var copy = new GoldenCopy(folder, name);
        var results = new List<CheckResult>();
        GoldenRunner.Run([copy.PathOf("")], null, backend, results.Add, TestContext.Current.CancellationToken);
        Assert.NotEmpty(results);
        Assert.All(results, r => Assert.True(r.Pass is null or true, r.ToString()));
    }
}
