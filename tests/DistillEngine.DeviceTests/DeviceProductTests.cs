using DistillEngine.Benchmarks;
using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Gpu;
using DistillEngine.Tests.Kernels;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>Matrix products in every precision, by every tile and by cuBLAS, and the peaks that they are measured by.</summary>
public class DeviceProductTests
{
    static readonly (int, int, int)[] Sizes = [.. RoundedMatMulCases.Sizes, (140, 12, 130), (200, 300, 260)];

    public static TheoryData<ComputePrecision> Precisions => [.. Enum.GetValues<ComputePrecision>()];

    [Theory, MemberData(nameof(Precisions))]
    public void MatMul_ByEveryTile_AgreesWithTheOracle(ComputePrecision precision)
    {
        using GpuBackend backend = DeviceUnderTest.Open(precision);
        bool onTensorCores = precision != ComputePrecision.F32 && backend.Products.HasTensorCores;
        foreach (MatMulTileSet tile in MatMulGpu.TilesOf(backend.Device, backend.Products))
        {
            var matMul = new MatMulGpu(backend.Device, backend.Products with { Tuner = null, Cublas = null }, [tile]);
            Agree(new Mirror(backend, backend.Kernels with { MatMul = matMul }).Kernels.MatMul, precision, onTensorCores, roundingIsOptional: false);
        }
    }

    [Theory, MemberData(nameof(Precisions))]
    public void MatMul_ByCublas_AgreesWithTheOracle(ComputePrecision precision)
    {
        using GpuBackend backend = DeviceUnderTest.Open(precision);
        using Cublas cublas = OpenCublas(backend);
        var matMul = new MatMulGpu(backend.Device, backend.Products with { Cublas = cublas });
        Agree(new Mirror(backend, backend.Kernels with { MatMul = matMul }).Kernels.MatMul, precision, sumsAreTruncated: precision != ComputePrecision.F32,
            roundingIsOptional: true);
    }

    [Fact]
    public void Peaks_OfEveryPrecision_AreWithinWhatTheVendorStates()
    {
        using GpuBackend backend = DeviceUnderTest.Open();
        if (backend.StatedGflops(ComputePrecision.F32) is null) Assert.Skip($"{backend.Name}: its vendor's peak is not known.");
        Roof roof = RooflineMeter.Measure(backend);
        Assert.Equal(backend.Products.HasTensorCores, roof.Bf16Gflops is not null);
        Assert.Equal(backend.Products.HasTensorCores, roof.Tf32Gflops is not null);
        foreach (ComputePrecision precision in Enum.GetValues<ComputePrecision>())
        {
            double measured = roof.Gflops(PeakKinds.Of(precision));
            if (backend.StatedGflops(precision) is not { } stated) continue;
            TestContext.Current.TestOutputHelper!.WriteLine($"{precision}: {1e-3 * measured:F1} of the {1e-3 * stated:F1} TFLOP/s that the vendor states");
            // A loop that the assembler shortened would pass what the vendor states; clocks stay below the driver's highest.
            Assert.InRange(measured, 0.3 * stated, 1.05 * stated);
        }
    }

    static void Agree(MatMul op, ComputePrecision precision, bool sumsAreTruncated, bool roundingIsOptional)
    {
        if (precision != ComputePrecision.F32)
        {
            RoundedMatMulCases.Agree(op, precision, sumsAreTruncated, roundingIsOptional, Sizes);
            return;
        }
        foreach (var (rows, inputs, outputs) in Sizes)
            foreach (Into into in (Into[])[Into.Overwrite, Into.Add])
                MatMulTests.AssertEqualsOracle(op, rows, inputs, outputs, into);
    }

    static Cublas OpenCublas(GpuBackend backend)
    {
        if (Cublas.WhyMissing(backend.Device) is { } why) Assert.Skip($"cuBLAS: {why}.");
        return new(backend.Device, backend.Name);
    }
}
