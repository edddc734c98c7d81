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
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>> _gather =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>>("embedding.forward",
            RowScatterGpu.GatherRows);

    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, int, ArrayView<float>>> _add =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, int, ArrayView<float>>>("embedding.backward", AddRows);

    protected override void ForwardCore(Tensor ids, Tensor table, Tensor y)
    {
        if (y.Count > 0) RowScatterGpu.Run(gpu, _gather, y.Shape, table, ids, y);
    }

    protected override void BackwardCore(Tensor dy, Tensor ids, Tensor dTable)
    {
        if (dy.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(dTable);
        _add.Run(LaunchGrid.OfRows(dy.Shape.D0, dy.Shape.D1), (dy: gpu.View<float>(dy), ids: gpu.View<int>(ids), dy.Shape.D0, dy.Shape.D1, to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.dy, a.ids, a.D0, a.D1, a.to), to);
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
