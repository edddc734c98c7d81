using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>The peak loop of tensor cores for one type of operands: products of fragments that stay in registers.</summary>
sealed class TensorPeak
{
    /// <summary>Independent products of a warp, two instructions each: with the other warps of a multiprocessor, more than an instruction has
    /// cycles of latency.</summary>
    const int Chains = 4;

    /// <summary>Elements of the two fragments and of their sums that one thread holds.</summary>
    const int FragmentWords = 4, FragmentSums = 8;

    const int Lanes = 32;

    // Some milliseconds at 700 TFLOP/s in bf16 or half of that in tf32, long against a launch.
    const int Steps = 1 << 13, EmulatedSteps = 4;

    readonly Gpu _gpu;
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, int, ArrayView<float>>> _loop;
    readonly int _packed;

    TensorPeak(Gpu gpu, DeviceKernel<Action<AcceleratorStream, KernelConfig, int, ArrayView<float>>> loop, int packed) =>
        (_gpu, _loop, _packed) = (gpu, loop, packed);

    public static TensorPeak Of<TCore>(Gpu gpu) where TCore : struct, ITensorCore =>
        new(gpu, gpu.Kernel<Action<AcceleratorStream, KernelConfig, int, ArrayView<float>>>(Loop<TCore>), TCore.Packed);

    /// <summary>Steps of one launch, in each of which a warp multiplies its fragments once a chain.</summary>
    public int StepCount => _gpu.IsEmulator ? EmulatedSteps : Steps;

    /// <summary>Of one launch: 16 × 16 sums of 8 words of depth a product.</summary>
    public long Operations => 2L * 16 * 16 * 8 * _packed * Chains * StepCount * (_gpu.MostGroups * _gpu.GroupSize / Lanes);

    /// <param name="result">An element for each thread of the launch; overwritten.</param>
    public void Launch(ArrayView<float> result) => _loop.Launch(_gpu.Stream, _gpu.Groups(_gpu.MostGroups), StepCount, result);

    /// <summary>Every warp multiplies two fragments, which differ by lane, again and again.</summary>
    internal static void Loop<TCore>(int steps, ArrayView<float> result) where TCore : struct, ITensorCore
    {
        // One more word than the emulated instructions exchange: on a device, which exchanges none, an allocation is not empty either.
        ArrayView<int> exchange = SharedMemory.Allocate<int>(GroupSums.MaxThreads / Lanes * TCore.ExchangeWords + 1);
        ArrayView<float> sums = LocalMemory.Allocate<float>(Chains * FragmentSums);
        ArrayView<int> a = LocalMemory.Allocate<int>(FragmentWords), b = LocalMemory.Allocate<int>(FragmentWords);
        // Operands that the compiler does not know and that are the same rounded; sums of quarters of quarters stay exact.
        for (int i = 0; i < FragmentWords; i++)
        {
            float quarters = 0.25f * (Group.IdxX % 4 + i);
            a[i] = TCore.Pack(1 + quarters, 2 - quarters);
            b[i] = TCore.Pack(quarters - 1, quarters + 1);
        }
        // Sums that differ, or two chains would be one to the compiler.
        for (int i = 0; i < Chains * FragmentSums; i++) sums[i] = i;
        for (int step = 0; step < steps; step++)
            for (int chain = 0; chain < Chains; chain++) TCore.MultiplyAdd(sums, chain * FragmentSums, a, 0, b, 0, exchange);
        float sum = 0;
        for (int i = 0; i < Chains * FragmentSums; i++) sum += sums[i];
        result[Grid.IdxX * Group.DimX + Group.IdxX] = sum;
    }
}
