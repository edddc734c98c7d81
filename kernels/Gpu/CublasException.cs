namespace DistillEngine.Kernels;

/// <summary>A status that a function of cuBLAS returned.</summary>
sealed class CublasException(int status) : Exception($"status {status} ({NameOf(status)})")
{
    /// <summary>Whether it found no memory.</summary>
    public bool IsLackOfMemory => status == AllocationFailed;

    // cublasStatus_t of cublas_api.h.
    const int AllocationFailed = 3;

    static string NameOf(int status) => status switch
    {
        1 => "not initialized",
        AllocationFailed => "allocation failed",
        7 => "invalid value",
        8 => "the architecture lacks a feature",
        11 => "memory cannot be accessed",
        13 => "execution failed",
        14 => "internal error",
        15 => "not supported",
        _ => "cublasStatus_t",
    };
}
