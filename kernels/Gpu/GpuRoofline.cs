using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>Peak loops of a device: float32 arithmetic as its compiler makes it of a · b + c, products of tensor cores where it has them, and memory
/// in 16-byte accesses. Every group that fits runs.</summary>
sealed class GpuRoofline : IDeviceRoofline
{
    /// <summary>Independent sums of a thread: more than a multiply-add has cycles of latency.</summary>
    const int Sums = 8;

    // Some milliseconds on a processor of 60 TFLOP/s, long against a launch; the emulator is asked for as much as it does in that time.
    const int Steps = 1 << 15, EmulatedSteps = 1 << 6;

    // Several times the outermost cache of the largest devices, yet two such buffers fit the smallest.
    const long Bytes = 256L << 20, EmulatedBytes = 1L << 16;

    readonly Gpu _gpu;
    readonly GpuRooflineKernels _kernels;
    readonly MemoryBuffer _source, _destination;

    /// <param name="kernels">Of the backend, which compiles them once.</param>
    public GpuRoofline(Gpu gpu, GpuRooflineKernels kernels)
    {
        (_gpu, _kernels) = (gpu, kernels);
        StreamBytes = gpu.IsEmulator ? EmulatedBytes : Bytes;
        _source = gpu.AllocateRaw(StreamBytes, "source of the bandwidth measurement");
        _destination = gpu.AllocateRaw(StreamBytes, "destination of the bandwidth measurement");
        gpu.Driver.Clear(View<float>(_source));
        gpu.Driver.Clear(View<float>(_destination));
    }

    public long StreamBytes { get; }

    public long? Operations(ComputePrecision operands) =>
        operands == ComputePrecision.F32 ? 2L * Sums * StepCount * _gpu.MostGroups * _gpu.GroupSize : _kernels.TensorPeakOf(operands)?.Operations;

    int StepCount => _gpu.IsEmulator ? EmulatedSteps : Steps;

    public void Compute(ComputePrecision operands)
    {
        if (operands == ComputePrecision.F32)
            _kernels.MultiplyAdd.Launch(_gpu.Stream, _gpu.Groups(_gpu.MostGroups), StepCount, View<float>(_destination));
        else if (_kernels.TensorPeakOf(operands) is { } peak)
            peak.Launch(View<float>(_destination));
        else
            throw new InvalidOperationException($"{_gpu.Accelerator.Name} has no tensor cores that multiply {operands}.");
    }

    public void Read() => _kernels.Read.Launch(_gpu.Stream, _gpu.Groups(_gpu.MostGroups), View<Float4>(_source), View<float>(_destination));

    public void Copy() => _kernels.Copy.Launch(_gpu.Stream, _gpu.Groups(_gpu.MostGroups), View<Float4>(_source), View<Float4>(_destination));

    public void Dispose()
    {
        _gpu.Driver.Release(() =>
        {
            // Queued loops may still run.
            _gpu.Driver.Synchronize();
            _source.Dispose();
            _destination.Dispose();
        });
    }

    internal static void MultiplyAddLoop(int steps, ArrayView<float> result)
    {
        int thread = Grid.IdxX * Group.DimX + Group.IdxX;
        // Numbers that the compiler does not know, sums that it cannot merge, and all stay finite: they tend to b / (1 − a).
        float a = 0.5f + thread * 1e-9f, b = 0.25f;
        float s0 = a, s1 = a + 1, s2 = a + 2, s3 = a + 3, s4 = a + 4, s5 = a + 5, s6 = a + 6, s7 = a + 7;
        for (int step = 0; step < steps; step++)
        {
            s0 = s0 * a + b; s1 = s1 * a + b; s2 = s2 * a + b; s3 = s3 * a + b;
            s4 = s4 * a + b; s5 = s5 * a + b; s6 = s6 * a + b; s7 = s7 * a + b;
        }
        result[thread] = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
    }

    internal static void ReadLoop(ArrayView<Float4> source, ArrayView<float> result)
    {
        int thread = Grid.IdxX * Group.DimX + Group.IdxX;
        float sum = 0;
        for (long i = thread; i < source.Length; i += (long)Grid.DimX * Group.DimX)
        {
            Float4 four = source[i];
            sum += four.X + four.Y + (four.Z + four.W);
        }
        result[thread] = sum;
    }

    internal static void CopyLoop(ArrayView<Float4> source, ArrayView<Float4> destination)
    {
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < source.Length; i += (long)Grid.DimX * Group.DimX) destination[i] = source[i];
    }

    ArrayView<T> View<T>(MemoryBuffer memory) where T : unmanaged => new(memory, 0, StreamBytes / Interop.SizeOf<T>());
}

/// <summary>The declared loops.</summary>
/// <param name="bf16">Of tensor cores; null where the device has none. So with <paramref name="tf32"/>.</param>
sealed class GpuRooflineKernels(Gpu gpu, TensorPeak? bf16, TensorPeak? tf32)
{
    /// <summary>The loops of a device.</summary>
    public static GpuRooflineKernels Of(Gpu gpu, bool hasTensorCores) =>
        hasTensorCores ? new(gpu, TensorPeak.Of<CudaBf16>(gpu), TensorPeak.Of<CudaTf32>(gpu)) : new(gpu, null, null);

    /// <summary>The loop of tensor cores for such operands, or null.</summary>
    public TensorPeak? TensorPeakOf(ComputePrecision operands) => operands switch
    {
        ComputePrecision.Bf16 => bf16,
        ComputePrecision.Tf32 => tf32,
        _ => null,
    };

    public DeviceKernel<Action<AcceleratorStream, KernelConfig, int, ArrayView<float>>> MultiplyAdd { get; } =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, int, ArrayView<float>>>(GpuRoofline.MultiplyAddLoop);

    public DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<float>>> Read { get; } =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<float>>>(GpuRoofline.ReadLoop);

    public DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>>> Copy { get; } =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<Float4>, ArrayView<Float4>>>(GpuRoofline.CopyLoop);
}
