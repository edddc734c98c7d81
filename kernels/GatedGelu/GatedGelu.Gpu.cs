using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>One element a thread and step; forward reads two floats and writes one, backward reads three and writes three; about 20
/// operations an element: bound by bandwidth. No sums.</summary>
/// <remarks>gelu(x) = x σ(z) with z = 2√(2/π)(x + 0.044715x³), and e^(−|z|) is at most 1: nothing overflows and nothing cancels.</remarks>
sealed class GatedGeluGpu(Gpu gpu) : GatedGelu
{
    // z = x (Linear + Cubic x²).
    const float Linear = 1.5957691216057308f;
    const float Cubic = 0.07135481627260025f;

    // Where the exponential has long been 0, x² is held finite, so that 0 · z′ stays 0.
    const float LargestSquare = 1e30f;

    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>> _forward =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>>("gated_gelu.forward", ForwardElements);

    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>>> _backward =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, ArrayView<float>>>("gated_gelu.backward", BackwardElements);

    protected override void ForwardCore(Tensor gate, Tensor up, Tensor y)
    {
        if (gate.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(y);
        _forward.Run(LaunchGrid.OfElements(gate.Count), (gate: gpu.View<float>(gate), up: gpu.View<float>(up), to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.gate, a.up, a.to), to);
    }

    protected override void BackwardCore(Tensor dy, Tensor gate, Tensor up, Tensor dGate, Tensor dUp, Tensor y)
    {
        if (gate.Count == 0) return;
        ArrayView<float> toGate = gpu.View<float>(dGate), toUp = gpu.View<float>(dUp), to = gpu.View<float>(y);
        _backward.Run(LaunchGrid.OfElements(gate.Count), (dy: gpu.View<float>(dy), gate: gpu.View<float>(gate), up: gpu.View<float>(up), toGate, toUp, to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.dy, a.gate, a.up, a.toGate, a.toUp, a.to), toGate, toUp, to);
    }

    internal static void ForwardElements(ArrayView<float> gate, ArrayView<float> up, ArrayView<float> y)
    {
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < gate.Length; i += stride)
        {
            float x = gate[i];
            float square = x * x > LargestSquare ? LargestSquare : x * x;
            float z = x * (Cubic * square + Linear);
            float small = DeviceMath.Exp(z < 0 ? z : -z);
            float greater = 1 / (1 + small);
            float sigma = z > 0 ? greater : small * greater;
            y[i] = x * sigma * up[i];
        }
    }

    internal static void BackwardElements(ArrayView<float> dy, ArrayView<float> gate, ArrayView<float> up, ArrayView<float> dGate, ArrayView<float> dUp,
        ArrayView<float> y)
    {
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < gate.Length; i += stride)
        {
            float x = gate[i], g = dy[i], u = up[i];
            float square = x * x > LargestSquare ? LargestSquare : x * x;
            float z = x * (Cubic * square + Linear);
            float small = DeviceMath.Exp(z < 0 ? z : -z);
            float greater = 1 / (1 + small);
            float sigma = z > 0 ? greater : small * greater;
            // σ(z) σ(−z) = e^(−|z|) / (1 + e^(−|z|))², multiplied by x before z′: their product alone may overflow.
            float derivative = small * greater * greater * x * (3 * Cubic * square + Linear) + sigma;
            float value = x * sigma;
            dUp[i] = g * value;
            dGate[i] = g * u * derivative;
            y[i] = value * u;
        }
    }
}
