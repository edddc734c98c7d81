using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// Forward: one group a row, a copy; bound by bandwidth. Backward: one group a row, of which the first of an id adds all rows of that id,
/// in order, so that no atomics are needed and repeated ids sum as on the CPU. Per element it reads 8 bytes and writes 4, and every group
/// reads up to all ids, which the caches serve. Sums are float32.
/// </summary>
sealed class EmbeddingGpu(Gpu gpu) : Embedding
{
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>> _gather =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>>(RowScatterGpu.GatherRows);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, int, ArrayView<float>>> _add =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, int, ArrayView<float>>>(AddRows);

    protected override void ForwardCore(Tensor ids, Tensor table, Tensor y)
    {
        if (y.Count > 0) _gather.Launch(gpu.Stream, gpu.Groups(ids.Shape.D0), gpu.View<float>(table), gpu.View<int>(ids), table.Shape.D1, gpu.View<float>(y));
    }

    protected override void BackwardCore(Tensor dy, Tensor ids, Tensor dTable)
    {
        if (dy.Count == 0) return;
        _add.Launch(gpu.Stream, gpu.Groups(ids.Shape.D0), gpu.View<float>(dy), gpu.View<int>(ids), ids.Shape.D0, dTable.Shape.D1, gpu.View<float>(dTable));
    }

    internal static void AddRows(ArrayView<float> dy, ArrayView<int> ids, int rows, int width, ArrayView<float> dTable)
    {
        int first = Grid.IdxX, id = ids[first];
        for (int row = 0; row < first; row++)
            if (ids[row] == id) return;
        long to = (long)id * width;
        for (int i = Group.IdxX; i < width; i += Group.DimX)
        {
            float sum = dTable[to + i];
            for (int row = first; row < rows; row++)
                if (ids[row] == id) sum += dy[(long)row * width + i];
            dTable[to + i] = sum;
        }
    }
}
