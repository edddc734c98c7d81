using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>One element a thread and step; forward reads one float and writes one, backward reads two and writes one; bound by bandwidth.
/// No sums.</summary>
sealed class ReluGpu(Gpu gpu) : Relu
{
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>>> _forward =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>>>(ForwardElements);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>> _backward =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(BackwardElements);

    protected override void ForwardCore(Tensor x, Tensor y)
    {
        if (x.Count > 0) _forward.Launch(gpu.Stream, gpu.Elements(x.Count), gpu.View<float>(x), gpu.View<float>(y));
    }

    protected override void BackwardCore(Tensor dy, Tensor y, Tensor dx)
    {
        if (y.Count > 0) _backward.Launch(gpu.Stream, gpu.Elements(y.Count), gpu.View<float>(dy), gpu.View<float>(y), gpu.View<float>(dx));
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
