namespace DistillEngine.Kernels;

/// <summary>
/// A product c = or += a bᵀ as cuBLAS takes it, whose matrices are column-major: it sees ours transposed, so that it computes cᵀ = b aᵀ with b
/// as its first factor.
/// </summary>
/// <param name="FirstIsTransposed">Whether b, as its memory reads column by column, is to be transposed; so with a.</param>
/// <param name="M">Rows of cᵀ: lines of b.</param>
/// <param name="N">Columns of cᵀ: lines of a.</param>
/// <param name="K">Steps of the contracted axis.</param>
/// <param name="FirstStride">Elements between the columns of b as it lies in memory; so with a and c.</param>
readonly record struct CublasCall(
    bool FirstIsTransposed, bool SecondIsTransposed, int M, int N, int K, int FirstStride, int SecondStride, int ResultStride, bool Adds)
{
    public static CublasCall Of(MatMulProduct product, MatMulCall call) => new(
        // Contiguous lines are the columns of a matrix [steps, lines], which is bᵀ.
        FirstIsTransposed: product == MatMulProduct.Forward,
        SecondIsTransposed: product == MatMulProduct.BackwardWeight,
        call.Columns, call.Rows, call.Depth, call.StrideB, call.StrideA, call.StrideC, call.Add != 0);
}
