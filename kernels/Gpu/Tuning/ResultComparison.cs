using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>How far two results of one product lie apart, found on the device.</summary>
sealed class ResultComparison(Gpu gpu)
{
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>> _compare =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(Compare);

    /// <summary>Queues the comparison, waits for it and for what was queued before.</summary>
    /// <returns>The greatest difference, ∞ where one result alone is no number, and the greatest magnitude of <paramref name="expected"/>.</returns>
    public unsafe (float Difference, float Magnitude) Of(ArrayView<float> expected, ArrayView<float> got)
    {
        KernelConfig config = gpu.Elements(expected.Length);
        int threads = config.GridDim.X * config.GroupDim.X;
        // Not from the scratch of the ops, one of which waits for this product and may hold its factors there.
        ArrayView<float> extremes = gpu.ProductScratch.View<float>(0, 2 * threads, 2 * threads * sizeof(float));
        _compare.Launch(gpu.Stream, config, expected, got, extremes);
        float[] all = new float[2 * threads];
        fixed (float* pinned = all)
        {
            gpu.Driver.Download(extremes, new Span<float>(pinned, all.Length));
            gpu.Driver.Synchronize();
        }
        return (all.Take(threads).Max(), all.Skip(threads).Max());
    }

    /// <summary>The differences of all threads, then their magnitudes. Reads each element of both once: bound by memory.</summary>
    internal static void Compare(ArrayView<float> expected, ArrayView<float> got, ArrayView<float> extremes)
    {
        int thread = Grid.IdxX * Group.DimX + Group.IdxX, threads = Grid.DimX * Group.DimX;
        float difference = 0, magnitude = 0;
        for (long i = thread; i < expected.Length; i += threads)
        {
            float x = expected[i], y = got[i];
            float apart = x == y ? 0 : x > y ? x - y : y - x, size = x < 0 ? -x : x;
            if (DeviceMath.IsNaN(apart)) apart = DeviceMath.IsNaN(x) && DeviceMath.IsNaN(y) ? 0 : float.PositiveInfinity;
            if (apart > difference) difference = apart;
            if (size > magnitude && size <= float.MaxValue) magnitude = size;
        }
        extremes[thread] = difference;
        extremes[threads + thread] = magnitude;
    }
}
