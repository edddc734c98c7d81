using DistillEngine.Core;
using ILGPU;
using CopyRows = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>, int,
    ILGPU.ArrayView<float>>;

namespace DistillEngine.Kernels;

/// <summary>One group a row; copies 4 bytes an element and computes nothing; bound by bandwidth.</summary>
sealed class RowScatterGpu(Gpu gpu) : RowScatter
{
    readonly TunedKernel<CopyRows> _scatter = gpu.Tuned<CopyRows>("row_scatter.forward", ScatterRows);

    readonly TunedKernel<CopyRows> _gather = gpu.Tuned<CopyRows>("row_scatter.backward", GatherRows);

    protected override void ForwardCore(Tensor x, Tensor target, Tensor y)
    {
        if (x.Count > 0) Run(gpu, _scatter, x.Shape, x, target, y);
    }

    protected override void BackwardCore(Tensor dy, Tensor target, Tensor dx)
    {
        if (dx.Count > 0) Run(gpu, _gather, dx.Shape, dy, target, dx);
    }

    /// <param name="rows">Shape of the rows that are copied.</param>
    internal static void Run(Gpu gpu, TunedKernel<CopyRows> kernel, Shape rows, Tensor from, Tensor names, Tensor to) => kernel.Run(
        LaunchGrid.OfRows(rows.D0, rows.D1), (from: gpu.View<float>(from), names: gpu.View<int>(names), rows.D1, to: gpu.View<float>(to)),
        static (kernel, stream, grid, a) => kernel(stream, grid, a.from, a.names, a.D1, a.to));

    internal static void ScatterRows(ArrayView<float> x, ArrayView<int> target, int width, ArrayView<float> y)
    {
        long from = (long)Grid.IdxX * width, to = (long)target[Grid.IdxX] * width;
        for (int i = Group.IdxX; i < width; i += Group.DimX) y[to + i] = x[from + i];
    }

    /// <summary>y[row] = x[source[row]]: also the lookup of <see cref="Embedding"/>.</summary>
    internal static void GatherRows(ArrayView<float> x, ArrayView<int> source, int width, ArrayView<float> y)
    {
        long from = (long)source[Grid.IdxX] * width, to = (long)Grid.IdxX * width;
        for (int i = Group.IdxX; i < width; i += Group.DimX) y[to + i] = x[from + i];
    }
}
