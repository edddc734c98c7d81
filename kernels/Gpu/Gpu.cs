using DistillEngine.Core;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DistillEngine.Kernels;

/// <summary>An opened accelerator and what the launchers of its ops share: stream, group sizes, scratch and kernels.</summary>
sealed class Gpu : IDisposable
{
    readonly Context _context;
    readonly bool _hasGenericPointers;
    readonly List<DeviceKernel> _kernels = [];
    readonly GpuScratch _scratch;

    /// <param name="name">What errors call the device.</param>
    /// <param name="context">Owned from here on.</param>
    /// <param name="hasGenericPointers">Whether an OpenCL device has the generic address space.</param>
    /// <param name="isEmulator">Whether kernels are to be as small as the emulator needs them.</param>
    /// <param name="hasShuffles"><see cref="HasShuffles"/>.</param>
    public Gpu(string name, Context context, Device device, bool hasGenericPointers, bool isEmulator, bool hasShuffles)
    {
        (_context, _hasGenericPointers, IsEmulator, HasShuffles) = (context, hasGenericPointers, isEmulator, hasShuffles);
        Accelerator = device.CreateAccelerator(context);
        Stream = Accelerator.DefaultStream;
        Driver = new Driver(Accelerator, name);
        _scratch = new GpuScratch(this, "scratch of the kernels");
        ProductScratch = new GpuScratch(this, "rounded factors of a product");
        GroupSize = Math.Min(IsEmulator ? Accelerator.MaxNumThreadsPerGroup : 128, GroupSums.MaxThreads);
        // More threads have more loads under way and more to wait for at a barrier. Beyond these lie a lone warp and groups too large for some devices.
        GroupSizes = IsEmulator
            ? [.. new[] { GroupSize, GroupSize / 2, GroupSize / 4 }.Where(Takes)]
            : [GroupSize, GroupSize / 2, GroupSums.MaxThreads];
        // Enough groups that every multiprocessor has several to switch between while memory answers.
        MostGroups = IsEmulator ? 2 : 16 * Accelerator.NumMultiprocessors;
    }

    public Accelerator Accelerator { get; }

    /// <summary>Where launches queue.</summary>
    public AcceleratorStream Stream { get; }

    /// <summary>All but launches.</summary>
    public Driver Driver { get; }

    public bool IsEmulator { get; }

    /// <summary>Whether reductions exchange values within warps; see <see cref="ILanes"/>.</summary>
    public bool HasShuffles { get; }

    /// <summary>Measures the fastest kernels; null takes the usual ones.</summary>
    public Tuner? Tuner { get; set; }

    /// <summary>Threads of a group of the kernels that have neither tiles nor several sizes; a power of two.</summary>
    public int GroupSize { get; }

    /// <summary>Threads of a group that kernels are measured with; powers of two and whole warps, <see cref="GroupSize"/> first.</summary>
    public IReadOnlyList<int> GroupSizes { get; }

    /// <summary>Whether a group may have so many threads: whole warps, and no more than every device has.</summary>
    public bool Takes(int groupSize) => IsEmulator
        ? groupSize >= Math.Max(Accelerator.WarpSize, 2) && groupSize <= Accelerator.MaxNumThreadsPerGroup
        : groupSize is >= 32 and <= GroupSums.MaxThreads;

    /// <summary>Parts of a sum whose bits do not depend on the group's size: a multiple of every one.</summary>
    public int SumParts => IsEmulator ? GroupSize : GroupSums.MaxThreads;

    /// <summary>Groups of a launch whose threads stride over all elements.</summary>
    public int MostGroups { get; }

    /// <summary>Most bytes of shared memory that a group can have, those that a kernel must ask for included.</summary>
    public int MostSharedBytes => Accelerator is CudaAccelerator cuda ? CudaSharedMemory.MostBytes(cuda) : Accelerator.MaxSharedMemoryPerGroup;

    /// <summary>Rounded copies of a product's factors. Apart from <see cref="Scratch{T}(long)"/>, where ops keep what they multiply.</summary>
    public GpuScratch ProductScratch { get; }

    /// <summary>Every kernel that an op of this device may launch.</summary>
    public IReadOnlyList<DeviceKernel> Kernels => _kernels;

    /// <summary>The elements of a tensor as kernels take them.</summary>
    /// <exception cref="ArgumentException">Elements are of another size.</exception>
    /// <exception cref="InvalidOperationException">The tensor lies elsewhere.</exception>
    /// <exception cref="DeviceException">It begins farther into its buffer than this device reaches.</exception>
    public ArrayView<T> View<T>(Tensor tensor) where T : unmanaged
    {
        Check.ElementSize<T>(tensor, "kernel");
        if (tensor.Buffer is not GpuBuffer buffer)
            throw new InvalidOperationException($"'{tensor.Name}' is not in this device's memory; upload it first.");
        // OpenCL kernels take the offset of a view in 32 bits.
        if (tensor.ElementOffset > int.MaxValue && Accelerator.AcceleratorType == AcceleratorType.OpenCL)
        {
            throw new DeviceException($"'{tensor.Name}' begins {tensor.ElementOffset} elements into its buffer; on OpenCL at most {int.MaxValue} are "
                + $"possible. {DriverErrors.MemoryHint}");
        }
        return new ArrayView<T>(buffer.Memory, tensor.ElementOffset, tensor.Count);
    }

    /// <summary>Memory that lasts until the next call, at least so many elements; grown when it is too small.</summary>
    public ArrayView<T> Scratch<T>(long count) where T : unmanaged => Scratch<T>(0, count, count * Interop.SizeOf<T>());

    /// <summary>A part of the scratch.</summary>
    /// <inheritdoc cref="GpuScratch.View"/>
    public ArrayView<T> Scratch<T>(long start, long count, long totalBytes) where T : unmanaged => _scratch.View<T>(start, count, totalBytes);

    /// <inheritdoc cref="Driver.Allocate"/>
    public MemoryBuffer AllocateRaw(long bytes, string purpose) => Driver.Allocate(bytes, purpose);

    /// <summary>As <see cref="AllocateRaw"/>; null where the device has not so much.</summary>
    public MemoryBuffer? TryAllocateRaw(long bytes, string purpose)
    {
        try
        {
            return AllocateRaw(bytes, purpose);
        }
        catch (InsufficientMemoryException)
        {
            return null;
        }
    }

    /// <summary>One group for each of <paramref name="groups"/> rows or blocks.</summary>
    public KernelConfig Groups(long groups) => new(checked((int)groups), GroupSize);

    /// <summary>Groups whose threads stride over so many elements.</summary>
    public KernelConfig Elements(long count) => new((int)Math.Min((count + GroupSize - 1) / GroupSize, MostGroups), GroupSize);

    /// <summary>Declares a kernel of <see cref="GroupSize"/> threads a group.</summary>
    /// <typeparam name="TLaunch">Stream and configuration, then the parameters of <paramref name="code"/>.</typeparam>
    /// <param name="dynamicSharedBytes">Of a group; launches must say them, too.</param>
    public DeviceKernel<TLaunch> Kernel<TLaunch>(Delegate code, int groupSize = 0, int dynamicSharedBytes = 0) where TLaunch : Delegate
    {
        var kernel = new DeviceKernel<TLaunch>(this, code, groupSize == 0 ? GroupSize : groupSize, dynamicSharedBytes);
        _kernels.Add(kernel);
        return kernel;
    }

    /// <summary>Declares a kernel that reduces over groups, in the form that this device has.</summary>
    /// <inheritdoc cref="Kernel{TLaunch}(Delegate, int, int)"/>
    public DeviceKernel<TLaunch> Kernel<TLaunch>(Delegate withWarpLanes, Delegate withSharedLanes, int groupSize = 0) where TLaunch : Delegate =>
        Kernel<TLaunch>(HasShuffles ? withWarpLanes : withSharedLanes, groupSize);

    /// <summary>Declares a kernel for each of <see cref="GroupSizes"/>.</summary>
    /// <param name="op">What the tuning file calls it.</param>
    public TunedKernel<TLaunch> Tuned<TLaunch>(string op, Delegate code) where TLaunch : Delegate =>
        new(this, op, [.. GroupSizes.Select(size => Kernel<TLaunch>(code, size))]);

    /// <summary>Declares a kernel that reduces over groups for each of <see cref="GroupSizes"/>.</summary>
    /// <inheritdoc cref="Tuned{TLaunch}(string, Delegate)"/>
    public TunedKernel<TLaunch> Tuned<TLaunch>(string op, Delegate withWarpLanes, Delegate withSharedLanes) where TLaunch : Delegate =>
        Tuned<TLaunch>(op, HasShuffles ? withWarpLanes : withSharedLanes);

    /// <summary>Compiles a kernel for this device.</summary>
    /// <exception cref="DeviceException">The driver refuses it, or the device cannot do what it asks for.</exception>
    public TLaunch Load<TLaunch>(DeviceKernel kernel) where TLaunch : Delegate
    {
        try
        {
            CompiledKernel compiled = Accelerator.CompileKernel(kernel.EntryPoint, new KernelSpecialization(kernel.GroupSize, null));
            KernelSource.Correct(compiled, _hasGenericPointers, (Accelerator as CudaAccelerator)?.Architecture);
            Kernel loaded = Accelerator.LoadKernel(compiled);
            if (loaded is CudaKernel cuda && kernel.DynamicSharedBytes > 0)
            {
                Driver.Bind();
                CudaSharedMemory.Allow(cuda, kernel.DynamicSharedBytes);
            }
            return Driver.Guard(kernel.Name, loaded.CreateLauncherDelegate<TLaunch>());
        }
        catch (Exception e) when (DriverErrors.Is(e))
        {
            throw Driver.Failure($"compiling {kernel.Name}", e);
        }
    }

    public void Dispose()
    {
        Driver.Release(() =>
        {
            Driver.Bind();
            Driver.Synchronize();
            _scratch.Dispose();
            ProductScratch.Dispose();
            lock (GpuDevices.Drivers)
            {
                Accelerator.Dispose();
                _context.Dispose();
            }
        });
    }
}
