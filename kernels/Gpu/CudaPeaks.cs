namespace DistillEngine.Kernels;

/// <summary>What NVIDIA states of its processors.</summary>
/// <remarks>Operations of a multiprocessor in a cycle: NVIDIA A100 and H100 Tensor Core GPU Architecture white papers; float32 of others: CUDA C++
/// Programming Guide, "Arithmetic Instructions".</remarks>
static class CudaPeaks
{
    /// <summary>Dense peak in 10⁹ operations a second, a multiply-add counting two; null where it is not known.</summary>
    /// <param name="major">Compute capability, such as 9 and 0.</param>
    /// <param name="megahertz">Clock rate, as ILGPU gives it.</param>
    public static double? Gflops(int major, int minor, int multiprocessors, int megahertz, ComputePrecision operands)
    {
        int? operations = (major, minor, operands) switch
        {
            (7, _, ComputePrecision.F32) or (8, 0, ComputePrecision.F32) => 128,
            (8 or 9, _, ComputePrecision.F32) => 256,
            (8, 0, ComputePrecision.Bf16) => 2048,
            (9, 0, ComputePrecision.Bf16) => 4096,
            (8, 0, ComputePrecision.Tf32) => 1024,
            (9, 0, ComputePrecision.Tf32) => 2048,
            _ => null,
        };
        return operations * 1e-3 * multiprocessors * megahertz;
    }
}
