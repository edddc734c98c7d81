using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using BackwardKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, int, int, int, ILGPU.ArrayView<float>>;
using ForwardKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, int, int, float,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;
using SumKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, int, int, ILGPU.ArrayView<float>>;

namespace DistillEngine.Kernels;

/// <summary>
/// One group a row; a row is read twice, the second time from cache, and written once; bound by bandwidth. dWeight is summed over blocks of
/// rows, a thread a column, and then over the blocks, in order: the same bits in every run. Sums are float32 within a part of a row and a block.
/// </summary>
sealed class RmsNormGpu(Gpu gpu) : RmsNorm
{
    // Rows that one thread sums of its column before the blocks are added.
    const int BlockRows = 64;

    readonly TunedKernel<ForwardKernel> _forward =
        gpu.Tuned<ForwardKernel>("rms_norm.forward", ForwardRows<WarpLanes>, ForwardRows<SharedLanes>);

    readonly TunedKernel<BackwardKernel> _backwardInput =
        gpu.Tuned<BackwardKernel>("rms_norm.backward-input", BackwardRows<WarpLanes>, BackwardRows<SharedLanes>);

    readonly TunedKernel<SumKernel> _sumBlocks = gpu.Tuned<SumKernel>("rms_norm.backward-weight", SumBlocks);

    // A number a block and column: too little work to be worth measuring.
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, int, ArrayView<float>>> _addBlocks =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, int, ArrayView<float>>>(AddBlocks);

    protected override void ForwardCore(Tensor x, Tensor weight, float epsilon, Tensor y, Tensor invRms)
    {
        if (x.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(y);
        _forward.Run(LaunchGrid.OfRows(x.Shape.D0, x.Shape.D1),
            (x: gpu.View<float>(x), weight: gpu.View<float>(weight), x.Shape.D1, gpu.SumParts, epsilon, to, inverses: gpu.View<float>(invRms)),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.x, a.weight, a.D1, a.SumParts, a.epsilon, a.to, a.inverses), to);
    }

    protected override void BackwardCore(Tensor dy, Tensor x, Tensor weight, Tensor invRms, Into into, Tensor dx, Tensor dWeight)
    {
        if (x.Count == 0) return;
        var (rows, width) = (x.Shape.D0, x.Shape.D1);
        int blocks = (rows + BlockRows - 1) / BlockRows, strips = (width + gpu.GroupSize - 1) / gpu.GroupSize;
        ArrayView<float> partials = gpu.Scratch<float>((long)blocks * width);
        ArrayView<float> dyView = gpu.View<float>(dy), xView = gpu.View<float>(x), invView = gpu.View<float>(invRms), to = gpu.View<float>(dx);
        // dWeight comes first, since dx may overwrite dy.
        _sumBlocks.Run(LaunchGrid.OfColumns(blocks, width), (dyView, xView, invView, rows, width, partials),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.dyView, a.xView, a.invView, a.rows, a.width, a.partials));
        _addBlocks.Launch(gpu.Stream, gpu.Groups(strips), partials, blocks, width, gpu.View<float>(dWeight));
        _backwardInput.Run(LaunchGrid.OfRows(rows, width),
            (dyView, xView, weight: gpu.View<float>(weight), invView, width, gpu.SumParts, add: into == Into.Add ? 1 : 0, to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.dyView, a.xView, a.weight, a.invView, a.width, a.SumParts, a.add, a.to), to);
    }

    internal static void ForwardRows<TLanes>(
        ArrayView<float> x, ArrayView<float> weight, int width, int parts, float epsilon, ArrayView<float> y, ArrayView<float> invRms)
        where TLanes : struct, ILanes
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads);
        long start = (long)Grid.IdxX * width;
        for (int part = Group.IdxX; part < parts; part += Group.DimX)
        {
            float partSum = 0;
            for (int i = part; i < width; i += parts) partSum += x[start + i] * x[start + i];
            GroupSums<TLanes>.Post(part, partSum, shared);
        }
        float sum = GroupSums<TLanes>.Total(parts, shared);
        float inv = (float)(1 / Math.Sqrt((double)sum / width + epsilon));
        for (int i = Group.IdxX; i < width; i += Group.DimX) y[start + i] = x[start + i] * inv * weight[i];
        if (Group.IdxX == 0) invRms[Grid.IdxX] = inv;
    }

    internal static void BackwardRows<TLanes>(
        ArrayView<float> dy, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> invRms, int width, int parts, int add,
        ArrayView<float> dx) where TLanes : struct, ILanes
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads);
        long start = (long)Grid.IdxX * width;
        for (int part = Group.IdxX; part < parts; part += Group.DimX)
        {
            float partSum = 0;
            for (int i = part; i < width; i += parts) partSum += dy[start + i] * weight[i] * x[start + i];
            GroupSums<TLanes>.Post(part, partSum, shared);
        }
        float sum = GroupSums<TLanes>.Total(parts, shared);
        float inv = invRms[Grid.IdxX];
        double inverse = inv;
        // dx = inv · (dy · weight) − x · pull
        float pull = (float)(inverse * inverse * inverse * sum / width);
        for (int i = Group.IdxX; i < width; i += Group.DimX)
        {
            float own = dy[start + i] * weight[i] * inv - x[start + i] * pull;
            if (add != 0) own += dx[start + i];
            dx[start + i] = own;
        }
    }

    /// <summary>Σ dy · x · invRms over a block of rows.</summary>
    internal static void SumBlocks(ArrayView<float> dy, ArrayView<float> x, ArrayView<float> invRms, int rows, int width, ArrayView<float> partials)
    {
        int column = Grid.IdxY * Group.DimX + Group.IdxX;
        if (column >= width) return;
        int first = Grid.IdxX * BlockRows, end = first + BlockRows < rows ? first + BlockRows : rows;
        float sum = 0;
        for (int row = first; row < end; row++) sum += dy[(long)row * width + column] * invRms[row] * x[(long)row * width + column];
        partials[(long)Grid.IdxX * width + column] = sum;
    }

    internal static void AddBlocks(ArrayView<float> partials, int blocks, int width, ArrayView<float> dWeight)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX;
        if (column >= width) return;
        float sum = 0;
        for (int block = 0; block < blocks; block++) sum += partials[(long)block * width + column];
        dWeight[column] += sum;
    }
}
