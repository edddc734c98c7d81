using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// One element a thread and step; reads four floats and writes three an element; bound by bandwidth. No sums. The numbers of a step are
/// computed in double on the host and rounded once; the norm is read where it lies.
/// </summary>
sealed class AdamWGpu(Gpu gpu) : AdamW
{
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AdamWNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>>> _update =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AdamWNumbers, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(UpdateElements);

    protected override void UpdateCore(Tensor gradients, Tensor gradientNorm, in AdamWStep step, Tensor values, Tensor m, Tensor v)
    {
        if (values.Count == 0) return;
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step);
        double correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        bool torch = step.Form == AdamWForm.Torch;
        float decay = (float)(step.LearningRate * step.WeightDecay);
        var numbers = new AdamWNumbers
        {
            Clip = step.Clip,
            Beta1 = (float)step.Beta1,
            OneMinusBeta1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            OneMinusBeta2 = (float)(1 - step.Beta2),
            RootScale = torch ? (float)(1 / Math.Sqrt(correction2)) : 1,
            Epsilon = (float)step.Epsilon,
            Rate = (float)(torch ? step.LearningRate / correction1 : step.LearningRate * Math.Sqrt(correction2) / correction1),
            DecayBefore = torch ? decay : 0,
            DecayAfter = torch ? 0 : decay,
        };
        _update.Launch(gpu.Stream, gpu.Elements(values.Count), gpu.View<float>(gradients), gpu.View<float>(gradientNorm), numbers,
            gpu.View<float>(values), gpu.View<float>(m), gpu.View<float>(v));
    }

    internal static void UpdateElements(ArrayView<float> gradients, ArrayView<float> norm, AdamWNumbers n, ArrayView<float> values, ArrayView<float> ms, ArrayView<float> vs)
    {
        float clip = GradientNormGpu.Clip(norm, n.Clip);
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < values.Length; i += stride)
        {
            float g = gradients[i] * clip;
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

/// <summary>Numbers of a step; at most one of the decays is not 0.</summary>
struct AdamWNumbers
{
    public float Clip, Beta1, OneMinusBeta1, Beta2, OneMinusBeta2, RootScale, Epsilon, Rate, DecayBefore, DecayAfter;
}
