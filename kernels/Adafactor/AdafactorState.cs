using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>What Adafactor remembers of one parameter [rows, width]; all tensors 0 before step 1.</summary>
/// <param name="RowMeans">float32 [rows]: moving row means of squared gradients; absent where the parameter is not factored.</param>
/// <param name="ColumnMeans">float32 [width]; absent where the parameter is not factored.</param>
/// <param name="Squares">float32, the parameter's shape: moving squared gradients; absent where it is factored.</param>
/// <param name="Moment">float32, the parameter's shape; absent without a first moment.</param>
public readonly record struct AdafactorState(Tensor RowMeans, Tensor ColumnMeans, Tensor Squares, Tensor Moment);
