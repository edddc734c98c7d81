using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Gpu;
using DistillEngine.Tests.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Xunit;

namespace DistillEngine.DeviceTests;

/// <summary>Matrix products in every precision, by every tile and by cuBLAS; their speed is printed and nothing is asserted about it.</summary>
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

    [Theory, MemberData(nameof(Precisions))]
    public void MatMul_OfOwnKernelsAndCublas_PrintsItsSpeed(ComputePrecision precision)
    {
        using GpuBackend backend = DeviceUnderTest.Open(precision);
        if (backend.Device.Accelerator is not CudaAccelerator cuda)
        {
            Assert.Skip($"{backend.Name} is not a CUDA device.");
            return;
        }
        using Cublas? cublas = TryOpenCublas(backend, out string reason);
        var stopwatch = new DeviceStopwatch(backend.Device);
        foreach (int n in (int[])[1024, 4096])
        {
            using MemoryBuffer1D<float, Stride1D.Dense> a = Allocate<float>(n), b = Allocate<float>(n), c = Allocate<float>(n);
            var own = new MatMulGpu(backend.Device, backend.Products with { Cublas = null });
            Print("own", () => own.Forward(a.View, b.View, n, n, n, Into.Overwrite, c.View, n));
            if (cublas is null)
            {
                Write($"cuBLAS {n}³: {reason}");
                continue;
            }
            CublasCall call = CublasCall.Of(MatMulProduct.Forward, new() { Rows = n, Columns = n, Depth = n, StrideA = n, StrideB = n, StrideC = n });
            Print("cuBLAS", () => cublas.Multiply(call, a.View, b.View, c.View, precision));
            if (precision != ComputePrecision.Bf16) continue;
            using MemoryBuffer1D<ushort, Stride1D.Dense> halfA = Allocate<ushort>(n), halfB = Allocate<ushort>(n);
            Print("cuBLAS, factors stored as bf16", () => cublas.Multiply(call, halfA.View, halfB.View, c.View));

            void Print(string who, Action launch)
            {
                double teraflops = 2.0 * n * n * n / stopwatch.Measure(launch) * 1e-12;
                string share = PeakTeraflops(cuda, precision) is { } peak ? $", {teraflops / peak:P0} of {peak:F0}" : "";
                Write($"{who} {precision} {n}³: {teraflops:F1} TFLOP/s{share}");
            }
        }

        MemoryBuffer1D<T, Stride1D.Dense> Allocate<T>(int n) where T : unmanaged
        {
            MemoryBuffer1D<T, Stride1D.Dense> buffer = cuda.Allocate1D<T>((long)n * n);
            buffer.MemSetToZero();
            return buffer;
        }

        static void Write(string line) => TestContext.Current.TestOutputHelper!.WriteLine(line);
    }

    /// <summary>Dense peak at the driver's clock rate, or null where it is not known.</summary>
    /// <remarks>Operations of a multiprocessor in a cycle: NVIDIA A100 and H100 Tensor Core GPU Architecture white papers; float32 of others:
    /// CUDA C++ Programming Guide, "Arithmetic Instructions".</remarks>
    static double? PeakTeraflops(CudaAccelerator cuda, ComputePrecision precision)
    {
        int major = cuda.Architecture.Major, minor = cuda.Architecture.Minor;
        int? operations = (major, minor, precision) switch
        {
            (7, _, ComputePrecision.F32) or (8, 0, ComputePrecision.F32) => 128,
            (8 or 9, _, ComputePrecision.F32) => 256,
            (8, 0, ComputePrecision.Bf16) => 2048,
            (9, 0, ComputePrecision.Bf16) => 4096,
            (8, 0, ComputePrecision.Tf32) => 1024,
            (9, 0, ComputePrecision.Tf32) => 2048,
            _ => null,
        };
        // The driver gives kHz.
        return operations * 1e-12 * cuda.NumMultiprocessors * cuda.ClockRate * 1e3;
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
        Cublas? cublas = TryOpenCublas(backend, out string reason);
        if (cublas is null) Assert.Skip(reason);
        return cublas;
    }

    static Cublas? TryOpenCublas(GpuBackend backend, out string reason)
    {
        reason = "";
        try
        {
            return new(backend.Device, backend.Name);
        }
        catch (InvalidOperationException e)
        {
            reason = e.Message;
            return null;
        }
    }
}
