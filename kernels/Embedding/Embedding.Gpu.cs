using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// Forward: one group a row, a copy; bound by bandwidth. Backward: one group a place in the order of rows by their ids, of which the first of an id
/// adds all rows of that id, in order: no atomics, and the CPU's bits. Per element it reads 8 bytes and writes 4; bound by bandwidth, and where one id has
/// most rows by their sum's order. Sums are float32.
/// </summary>
sealed class EmbeddingGpu(Gpu gpu) : Embedding
{
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>> _gather =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>>("embedding.forward",
            RowScatterGpu.GatherRows);

    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, int, ArrayView<float>>> _add =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, int, ArrayView<float>>>("embedding.backward",
            AddRows);

    public override bool UsesOrder => true;

    protected override void ForwardCore(Tensor ids, Tensor table, Tensor y)
    {
        if (y.Count > 0) RowScatterGpu.Run(gpu, _gather, y.Shape, table, ids, y);
    }

    protected override void BackwardCore(Tensor dy, Tensor ids, Tensor order, Tensor dTable)
    {
        if (dy.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(dTable);
        _add.Run(LaunchGrid.OfRows(dy.Shape.D0, dy.Shape.D1),
            (dy: gpu.View<float>(dy), ids: gpu.View<int>(ids), order: gpu.View<int>(order), dy.Shape.D1, to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.dy, a.ids, a.order, a.D1, a.to), to);
    }

    internal static void AddRows(ArrayView<float> dy, ArrayView<int> ids, ArrayView<int> order, int width, ArrayView<float> dTable)
    {
        int first = Grid.IdxX, id = ids[order[first]], end = first + 1;
        if (first > 0 && ids[order[first - 1]] == id) return;
        while (end < order.IntLength && ids[order[end]] == id) end++;
        long to = (long)id * width;
        for (int i = Group.IdxX; i < width; i += Group.DimX)
        {
            float sum = dTable[to + i];
            for (int at = first; at < end; at++) sum += dy[(long)order[at] * width + i];
            dTable[to + i] = sum;
        }
    }
}
