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

    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<double>>> _sumBlocks =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<double>>>("gradient_norm", SumBlocks<WarpLanes>,
            SumBlocks<SharedLanes>);

    // One group that reads a sum a block: too little work to be worth measuring.
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, ArrayView<float>>> _finish =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, int, ArrayView<float>>>(Finish<WarpLanes>, Finish<SharedLanes>);

    protected override void ForwardCore(Tensor gradients, Tensor norm)
    {
        int blocks = checked((int)((gradients.Count + BlockElements - 1) / BlockElements));
        ArrayView<double> sums = gpu.Scratch<double>(Math.Max(blocks, 1));
        if (blocks > 0)
        {
            _sumBlocks.Run(LaunchGrid.OfRows(blocks, BlockElements), (x: gpu.View<float>(gradients), gpu.SumParts, sums),
                static (kernel, stream, grid, a) => kernel(stream, grid, a.x, a.SumParts, a.sums));
        }
        _finish.Launch(gpu.Stream, gpu.Groups(1), sums, blocks, gpu.View<float>(norm));
    }

    internal static void SumBlocks<TLanes>(ArrayView<float> gradients, int parts, ArrayView<double> sums) where TLanes : struct, ILanes
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        long start = (long)Grid.IdxX * BlockElements;
        long end = start + BlockElements < gradients.Length ? start + BlockElements : gradients.Length;
        for (int part = Group.IdxX; part < parts; part += Group.DimX)
        {
            double sum = 0;
            for (long i = start + part; i < end; i += parts) sum += (double)gradients[i] * gradients[i];
            GroupSums<TLanes>.Post(part, sum, shared);
        }
        double total = GroupSums<TLanes>.Total(parts, shared);
        if (Group.IdxX == 0) sums[Grid.IdxX] = total;
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
