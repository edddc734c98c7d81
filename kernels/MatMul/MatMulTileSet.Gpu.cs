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
abstract class MatMulTileSet(int rows, int columns)
{
    protected int Rows => rows;

    protected int Columns => columns;

    /// <summary>What the tuning file calls this tile: rows and columns of a block.</summary>
    public virtual string Name => $"{rows}x{columns}";

    /// <summary>By multiply-adds of single threads.</summary>
    public static MatMulTileSet Of<TTile, TRounding>(Gpu gpu) where TTile : struct, IMatMulTile where TRounding : struct, IOperandRounding
    {
        int threads = MatMulTile.Threads<TTile>();
        return new DirectTileSet(TTile.Rows, TTile.Columns, threads, gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, TRounding, Lines, Lines>, threads),
            gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, TRounding, Lines, Steps>, threads),
            gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, TRounding, Steps, Steps>, threads));
    }

    /// <summary>By tensor cores.</summary>
    public static MatMulTileSet OfTensorCores<TTile, TCore>(Gpu gpu) where TTile : struct, ITensorTile where TCore : struct, ITensorCore
    {
        int threads = MatMulTensorTile.Threads<TTile>();
        return new DirectTileSet(TTile.WarpsDown * TTile.WarpRows, TTile.WarpsAcross * TTile.WarpColumns, threads,
            gpu.Kernel<Launch>(MatMulTensorTile.Multiply<TTile, TCore, Lines, Lines>, threads),
            gpu.Kernel<Launch>(MatMulTensorTile.Multiply<TTile, TCore, Lines, Steps>, threads),
            gpu.Kernel<Launch>(MatMulTensorTile.Multiply<TTile, TCore, Steps, Steps>, threads));
    }

    /// <summary>Blocks that a result of this size has.</summary>
    public long BlockCount(int rows, int columns) => (long)((rows + Rows - 1) / Rows) * ((columns + Columns - 1) / Columns);

    /// <summary>Queues a product.</summary>
    /// <exception cref="InsufficientMemoryException">It needs memory beside its operands, which the device has not.</exception>
    public abstract void Launch(Gpu gpu, MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call);
}

/// <summary>Tiles that read float32 factors.</summary>
sealed class DirectTileSet(int rows, int columns, int threads, params DeviceKernel<Launch>[] kernels) : MatMulTileSet(rows, columns)
{
    public override void Launch(Gpu gpu, MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call) =>
        kernels[(int)product].Launch(gpu.Stream,
            new(new Index3D((call.Columns + Columns - 1) / Columns, (call.Rows + Rows - 1) / Rows, 1), new Index3D(threads, 1, 1)), a, b, c, call);
}
