using ILGPU;
using Launch = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, DistillEngine.Kernels.MatMulCall>;

namespace DistillEngine.Kernels;

/// <summary>The products of a linear map.</summary>
enum MatMulProduct : byte
{
    /// <summary>y = x Wᵀ: both factors' lines are contiguous.</summary>
    Forward,

    /// <summary>dx = dy W: the left factor's lines are, the right one's steps.</summary>
    BackwardInput,

    /// <summary>dWeight = dyᵀ x: both factors' steps are.</summary>
    BackwardWeight,
}

/// <summary>The three products at one tile.</summary>
sealed class MatMulTileSet
{
    readonly int _rows, _columns, _threads;
    readonly DeviceKernel<Launch>[] _kernels;

    MatMulTileSet(int rows, int columns, int threads, params DeviceKernel<Launch>[] kernels) =>
        (_rows, _columns, _threads, _kernels) = (rows, columns, threads, kernels);

    /// <summary>Rows and columns of a block: what the tuning file calls this tile.</summary>
    public string Name => $"{_rows}x{_columns}";

    /// <summary>By multiply-adds of single threads.</summary>
    public static MatMulTileSet Of<TTile, TRounding>(Gpu gpu) where TTile : struct, IMatMulTile where TRounding : struct, IOperandRounding
    {
        int threads = MatMulTile.Threads<TTile>();
        return new(TTile.Rows, TTile.Columns, threads, gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, TRounding, Lines, Lines>, threads),
            gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, TRounding, Lines, Steps>, threads),
            gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, TRounding, Steps, Steps>, threads));
    }

    /// <summary>By tensor cores.</summary>
    public static MatMulTileSet OfTensorCores<TTile, TCore>(Gpu gpu) where TTile : struct, ITensorTile where TCore : struct, ITensorCore
    {
        int threads = MatMulTensorTile.Threads<TTile>();
        return new(TTile.WarpsDown * TTile.WarpRows, TTile.WarpsAcross * TTile.WarpColumns, threads,
            gpu.Kernel<Launch>(MatMulTensorTile.Multiply<TTile, TCore, Lines, Lines>, threads),
            gpu.Kernel<Launch>(MatMulTensorTile.Multiply<TTile, TCore, Lines, Steps>, threads),
            gpu.Kernel<Launch>(MatMulTensorTile.Multiply<TTile, TCore, Steps, Steps>, threads));
    }

    /// <summary>Blocks that a result of this size has.</summary>
    public long BlockCount(int rows, int columns) => (long)((rows + _rows - 1) / _rows) * ((columns + _columns - 1) / _columns);

    public void Launch(Gpu gpu, MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call) =>
        _kernels[(int)product].Launch(gpu.Stream,
            new(new Index3D((call.Columns + _columns - 1) / _columns, (call.Rows + _rows - 1) / _rows, 1), new Index3D(_threads, 1, 1)), a, b, c, call);
}
