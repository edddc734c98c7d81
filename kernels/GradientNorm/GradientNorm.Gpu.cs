using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// The global norm in two stages: a group sums each block of <see cref="BlockElements"/>, one group then sums the blocks. 4 bytes read an
/// element; bound by bandwidth. Sums are float64, where the square of a float32 is exact and cannot overflow.
/// </summary>
sealed class GradientNormGpu(Gpu gpu) : GradientNorm
{
    const int BlockElements = 16 * 1024;

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>>> _sumBlocks =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>>>(SumBlocks<WarpLanes>, SumBlocks<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, ArrayView<float>>> _finish =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, ArrayView<float>>>(Finish<WarpLanes>, Finish<SharedLanes>);

    protected override void ForwardCore(Tensor gradients, Tensor norm)
    {
        int blocks = checked((int)((gradients.Count + BlockElements - 1) / BlockElements));
        ArrayView<double> sums = gpu.Scratch<double>(Math.Max(blocks, 1));
        if (blocks > 0) _sumBlocks.Launch(gpu.Stream, gpu.Groups(blocks), gpu.View<float>(gradients), sums);
        _finish.Launch(gpu.Stream, gpu.Groups(1), sums, blocks, gpu.View<float>(norm));
    }

    internal static void SumBlocks<TLanes>(ArrayView<float> gradients, ArrayView<double> sums) where TLanes : struct, ILanes
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        long start = (long)Grid.IdxX * BlockElements;
        long end = start + BlockElements < gradients.Length ? start + BlockElements : gradients.Length;
        double sum = 0;
        for (long i = start + Group.IdxX; i < end; i += Group.DimX) sum += (double)gradients[i] * gradients[i];
        sum = GroupSums<TLanes>.Sum(sum, shared);
        if (Group.IdxX == 0) sums[Grid.IdxX] = sum;
    }

    internal static void Finish<TLanes>(ArrayView<double> sums, int blocks, ArrayView<float> norm) where TLanes : struct, ILanes
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        double sum = 0;
        for (int i = Group.IdxX; i < blocks; i += Group.DimX) sum += sums[i];
        sum = GroupSums<TLanes>.Sum(sum, shared);
        if (Group.IdxX == 0) norm[0] = (float)Math.Sqrt(sum);
    }

    /// <summary><see cref="GradientNorm.ClipFactor"/> where the norm lies.</summary>
    internal static float Clip(ArrayView<float> norm, float clip)
    {
        if (clip <= 0) return 1;
        float factor = clip / (norm[0] + 1e-6f);
        return factor > 1 ? 1 : factor;
    }
}
