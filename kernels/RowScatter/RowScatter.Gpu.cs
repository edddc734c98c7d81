using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>One group a row; copies 4 bytes an element and computes nothing; bound by bandwidth.</summary>
sealed class RowScatterGpu(Gpu gpu) : RowScatter
{
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>> _scatter =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>>(ScatterRows);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>> _gather =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, ArrayView<float>>>(GatherRows);

    protected override void ForwardCore(Tensor x, Tensor target, Tensor y)
    {
        if (x.Count > 0) _scatter.Launch(gpu.Stream, gpu.Groups(x.Shape.D0), gpu.View<float>(x), gpu.View<int>(target), x.Shape.D1, gpu.View<float>(y));
    }

    protected override void BackwardCore(Tensor dy, Tensor target, Tensor dx)
    {
        if (dx.Count > 0) _gather.Launch(gpu.Stream, gpu.Groups(dx.Shape.D0), gpu.View<float>(dy), gpu.View<int>(target), dx.Shape.D1, gpu.View<float>(dx));
    }

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
