using DistillEngine.Kernels;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>What of cuBLAS shows without a device.</summary>
public class CublasTests
{
    [Theory]
    [InlineData(null, false)]
    [InlineData("", false)]
    [InlineData("own", false)]
    [InlineData("cublas", true)]
    public void Choice_OfTheVariable_IsOwnOrCublas(string? value, bool isCublas) => Assert.Equal(isCublas, Cublas.IsChosen("cuda:0", value));

    [Theory]
    [InlineData("cuBLAS")]
    [InlineData("mkl")]
    public void Choice_OfAnotherValue_SaysWhatIsExpected(string value)
    {
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => Cublas.IsChosen("cuda:0", value));
        Assert.Equal($"cuda:0: DISTILL_GEMM is '{value}', expected own or cublas.", e.Message);
    }

    [Fact]
    public void Cublas_OnADeviceThatIsNotCudas_IsRefused()
    {
        using var gpu = GpuDevices.OpenEmulated(isEmulator: true, hasShuffles: true);
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => new Cublas(gpu, "opencl:0"));
        Assert.StartsWith("opencl:0: DISTILL_GEMM is cublas, which multiplies on CUDA devices alone", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Peer_OnADeviceThatIsNotCudas_IsMissing()
    {
        using GpuBackend backend = GpuDevices.Open(GpuDevices.Emulator);
        Assert.Null(backend.OpenPeer(out string why));
        Assert.Equal("not a CUDA device", why);
        Assert.Null(backend.StatedGflops(ComputePrecision.Bf16));
    }

    [Theory]
    [InlineData(8, 0, 108, 1_410, ComputePrecision.Bf16, 312)]
    [InlineData(8, 0, 108, 1_410, ComputePrecision.Tf32, 156)]
    [InlineData(8, 0, 108, 1_410, ComputePrecision.F32, 19.5)]
    [InlineData(9, 0, 132, 1_830, ComputePrecision.Bf16, 989.4)]
    [InlineData(9, 0, 132, 1_980, ComputePrecision.F32, 66.9)]
    public void Peak_OfAKnownProcessor_IsThatOfItsDataSheet(
        int major, int minor, int multiprocessors, int megahertz, ComputePrecision operands, double teraflops) =>
        Assert.Equal(teraflops, 1e-3 * CudaPeaks.Gflops(major, minor, multiprocessors, megahertz, operands)!.Value, 3e-3 * teraflops);

    [Fact]
    public void Load_WhereItIsNotInstalled_NamesWhatWasLookedFor()
    {
        try
        {
            Cublas.Load("cuda:0");
            Assert.Skip("cuBLAS is installed here.");
        }
        catch (InvalidOperationException e)
        {
            Assert.All(Cublas.Files, file => Assert.Contains(file, e.Message, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Call_ByTheDefinitionOfAColumnMajorProduct_GivesOurs(int number)
    {
        var product = (MatMulProduct)number;
        const int Rows = 2, Columns = 3, Depth = 4;
        bool linesOfA = product != MatMulProduct.BackwardWeight, linesOfB = product == MatMulProduct.Forward;
        // Strides leave gaps, as chunks of the vocabulary do.
        var call = new MatMulCall { Rows = Rows, Columns = Columns, Depth = Depth, StrideA = 6, StrideB = 7, StrideC = 5, Add = 1 };
        float[] a = Numbers(42), b = Numbers(49), c = Numbers(10);
        float[] expected = [.. c];
        for (int r = 0; r < Rows; r++)
            for (int j = 0; j < Columns; j++)
                for (int k = 0; k < Depth; k++)
                    expected[r * 5 + j] += a[linesOfA ? r * 6 + k : k * 6 + r] * b[linesOfB ? j * 7 + k : k * 7 + j];

        var gemm = CublasCall.Of(product, call);
        for (int i = 0; i < gemm.M; i++)
        {
            for (int j = 0; j < gemm.N; j++)
            {
                float sum = gemm.Adds ? c[i + j * gemm.ResultStride] : 0;
                for (int k = 0; k < gemm.K; k++)
                {
                    sum += b[gemm.FirstIsTransposed ? k + i * gemm.FirstStride : i + k * gemm.FirstStride]
                        * a[gemm.SecondIsTransposed ? j + k * gemm.SecondStride : k + j * gemm.SecondStride];
                }
                c[i + j * gemm.ResultStride] = sum;
            }
        }
        Assert.Equal(expected, c);

        static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => (float)(i * 7 % 11 - 5))];
    }
}
