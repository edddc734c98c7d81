using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>
/// A kernel for several sizes of groups. Where the device is tuned, the fastest is measured for each class of shapes by its first launch, else the
/// first serves. The size changes no bit of a result: threads that work on elements of their own do not add across, and sums have the same parts
/// whichever threads hold them (<see cref="GroupSums{TLanes}.Post(int, float, ArrayView{float})"/>).
/// </summary>
/// <param name="op">What the tuning file calls it.</param>
/// <param name="sizes">Without a tuner the first is taken.</param>
sealed class TunedKernel<TLaunch>(Gpu gpu, string op, params DeviceKernel<TLaunch>[] sizes) where TLaunch : Delegate
{
    readonly string[] _names = [.. sizes.Select(kernel => $"{kernel.GroupSize}")];

    /// <summary>Queues it.</summary>
    /// <param name="arguments">What <paramref name="launch"/> hands to the kernel.</param>
    /// <param name="kept">Memory that it both reads and writes: candidates run many times on the very arguments, after which this is as it was.</param>
    public void Run<TArguments>(LaunchGrid grid, in TArguments arguments, Action<TLaunch, AcceleratorStream, KernelConfig, TArguments> launch,
        params ReadOnlySpan<ArrayView<float>> kept)
    {
        int choice = 0;
        if (sizes.Length > 1 && gpu.Tuner is { } tuner)
        {
            TuningKey key = grid.KeyOf(op);
            if (!tuner.TryGet(key, out choice)) choice = Tune(tuner, key, grid, arguments, launch, kept);
        }
        Launch(sizes[choice], grid, arguments, launch);
    }

    int Tune<TArguments>(Tuner tuner, TuningKey key, LaunchGrid grid, TArguments arguments,
        Action<TLaunch, AcceleratorStream, KernelConfig, TArguments> launch, ReadOnlySpan<ArrayView<float>> kept)
    {
        // Without memory for it the launch goes on, untuned.
        using MemoryBuffer? copy = gpu.TryAllocateRaw(Sum(kept) * sizeof(float), "what a trial spoils");
        if (copy is null) return tuner.Untuned(key, choice: 0);
        long start = 0;
        foreach (ArrayView<float> view in kept)
        {
            gpu.Driver.Copy(view, new(copy, start, view.Length));
            start += view.Length;
        }
        int choice = tuner.Choose(key, _names, i => Launch(sizes[i], grid, arguments, launch));
        start = 0;
        foreach (ArrayView<float> view in kept)
        {
            gpu.Driver.Copy(new(copy, start, view.Length), view);
            start += view.Length;
        }
        gpu.Driver.Synchronize();
        return choice;
    }

    void Launch<TArguments>(DeviceKernel<TLaunch> kernel, LaunchGrid grid, TArguments arguments,
        Action<TLaunch, AcceleratorStream, KernelConfig, TArguments> launch) =>
        launch(kernel.Launch, gpu.Stream, grid.Of(gpu, kernel.GroupSize), arguments);

    static long Sum(ReadOnlySpan<ArrayView<float>> views)
    {
        long count = 0;
        foreach (ArrayView<float> view in views) count += view.Length;
        return count;
    }
}
