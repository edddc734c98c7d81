using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// One element a thread and step; reads four floats and writes three an element; bound by bandwidth. No sums. The norm is read
/// where it lies.
/// </summary>
sealed class AdamWGpu(Gpu gpu) : AdamW
{
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, float, AdamWNumbers, ArrayView<float>,
        ArrayView<float>, ArrayView<float>>> _update =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, float, AdamWNumbers, ArrayView<float>, ArrayView<float>,
            ArrayView<float>>>("adamw.update", UpdateElements);

    protected override void UpdateCore(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor m, Tensor v)
    {
        if (values.Count == 0) return;
        ArrayView<float> parameters = gpu.View<float>(values), first = gpu.View<float>(m), second = gpu.View<float>(v);
        _update.Run(LaunchGrid.OfElements(values.Count),
            (g: gpu.View<float>(gradients), norm: gpu.View<float>(gradientNorm), step.Clip, n: AdamWNumbers.Of(step), parameters, first, second),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.g, a.norm, a.Clip, a.n, a.parameters, a.first, a.second), parameters, first, second);
    }

    internal static void UpdateElements(
        ArrayView<float> gradients, ArrayView<float> norm, float clip, AdamWNumbers n, ArrayView<float> values, ArrayView<float> ms, ArrayView<float> vs)
    {
        float factor = GradientNormGpu.Clip(norm, clip);
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < values.Length; i += stride)
        {
            float g = gradients[i] * factor;
            float m = n.OneMinusBeta1 * g + ms[i] * n.Beta1;
            float v = n.OneMinusBeta2 * g * g + vs[i] * n.Beta2;
            ms[i] = m;
            vs[i] = v;
            float p = values[i];
            float u = n.Rate * (m / (MathF.Sqrt(v) * n.RootScale + n.Epsilon));
            // All that p loses is summed first, so that p is rounded once a step: over many steps that is what float32 costs.
            values[i] = p - (n.DecayBefore * p + (n.DecayAfter * (p - u) + u));
        }
    }
}
