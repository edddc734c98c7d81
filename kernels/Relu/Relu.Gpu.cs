using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>One element a thread and step; forward reads one float and writes one, backward reads two and writes one; bound by bandwidth.
/// No sums.</summary>
sealed class ReluGpu(Gpu gpu) : Relu
{
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>>> _forward =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>>>("relu.forward", ForwardElements);

    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>> _backward =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>>("relu.backward", BackwardElements);

    protected override void ForwardCore(Tensor x, Tensor y)
    {
        if (x.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(y);
        _forward.Run(LaunchGrid.OfElements(x.Count), (x: gpu.View<float>(x), to), static (kernel, stream, grid, a) => kernel(stream, grid, a.x, a.to), to);
    }

    protected override void BackwardCore(Tensor dy, Tensor y, Tensor dx)
    {
        if (y.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(dx);
        _backward.Run(LaunchGrid.OfElements(y.Count), (dy: gpu.View<float>(dy), y: gpu.View<float>(y), to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.dy, a.y, a.to), to);
    }

    internal static void ForwardElements(ArrayView<float> x, ArrayView<float> y)
    {
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < x.Length; i += stride)
        {
            float value = x[i];
            // So written that NaN stays.
            y[i] = value <= 0 ? 0 : value;
        }
    }

    internal static void BackwardElements(ArrayView<float> dy, ArrayView<float> y, ArrayView<float> dx)
    {
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < y.Length; i += stride) dx[i] = y[i] > 0 ? dy[i] : 0;
    }
}
