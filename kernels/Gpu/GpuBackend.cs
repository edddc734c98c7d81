using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DistillEngine.Kernels;

/// <summary>
/// A CUDA or OpenCL device, or ILGPU's emulator of one. Ops queue on one stream; <see cref="Download{T}"/> and <see cref="Synchronize"/>
/// alone wait. Kernels are compiled by their first use. <see cref="GpuDevices.Open"/> opens one.
/// </summary>
public sealed class GpuBackend : IBackend
{
    readonly Gpu _gpu;
    readonly UploadRing _uploads;
    readonly DownloadRing _downloads;
    readonly GpuRooflineKernels _roofline;
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, float>> _fill;

    /// <param name="settings">Of the products; null takes float32.</param>
    /// <param name="matMul">The products; null takes those of the settings.</param>
    /// <param name="roofline">The peak loops; null takes those of the settings.</param>
    internal GpuBackend(string name, Gpu gpu, MatMulSettings? settings = null, MatMulGpu? matMul = null, GpuRooflineKernels? roofline = null)
    {
        settings ??= new();
        (_gpu, Products) = (gpu, settings);
        gpu.Tuner = settings.Tuner;
        Name = name + (Precision == ComputePrecision.F32 ? "" : $"+{settings.Name}") + (settings.Cublas is null ? "" : "+cublas");
        _uploads = new UploadRing(gpu);
        _downloads = new DownloadRing(gpu);
        _fill = gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, float>>("fill", FillElements);
        _roofline = roofline ?? GpuRooflineKernels.Of(gpu, settings.HasTensorCores);
        var dropout = new DropoutGpu(gpu);
        matMul ??= new MatMulGpu(gpu, settings);
        Kernels = new()
        {
            MatMul = matMul,
            RmsNorm = new RmsNormGpu(gpu),
            Attention = new AttentionGpu(gpu),
            Relu = new ReluGpu(gpu),
            GatedGelu = new GatedGeluGpu(gpu),
            Embedding = new EmbeddingGpu(gpu),
            Dropout = dropout,
            ResidualAdd = new ResidualAddGpu(gpu, dropout),
            LinearCrossEntropy = new LinearCrossEntropyGpu(gpu, matMul),
            RowScatter = new RowScatterGpu(gpu),
            NextToken = new NextTokenGpu(gpu),
            GradientNorm = new GradientNormGpu(gpu),
            AdamW = new AdamWGpu(gpu),
            Adafactor = new AdafactorGpu(gpu),
        };
    }

    /// <summary>The device; where products round their operands, in what, and whether that is emulated: <c>cuda:0 NVIDIA A100+bf16</c>,
    /// <c>cpu-emulator+bf16-emulated</c>; and whether cuBLAS multiplies.</summary>
    public string Name { get; }

    public ComputePrecision Precision => Products.Precision;

    public bool EmulatesPrecision => Precision == ComputePrecision.Bf16 && !Products.HasTensorCores;

    public KernelSet Kernels { get; }

    /// <summary>How this device multiplies.</summary>
    internal MatMulSettings Products { get; }

    /// <summary>The device itself, for other kernels than this backend's.</summary>
    internal Gpu Device => _gpu;

    /// <summary>Every kernel that this device's ops may launch.</summary>
    internal IReadOnlyList<DeviceKernel> DeviceKernels => _gpu.Kernels;

    public DeviceBuffer Allocate(long byteLength, string purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        return new GpuBuffer(_gpu.Driver, _gpu.AllocateRaw(byteLength, purpose), byteLength, purpose);
    }

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged
    {
        Check.Upload(host, destination);
        _gpu.Driver.Bind();
        _uploads.Upload(host, destination);
    }

    public unsafe void Download<T>(Tensor source, Span<T> host) where T : unmanaged
    {
        Check.Download<T>(source, host);
        _gpu.Driver.Bind();
        // Unpinned, an array that the garbage collector moves meanwhile leaves the copy to write into whatever lies there then.
        fixed (T* pinned = host)
        {
            if (source.Count > 0) _gpu.Driver.Download(_gpu.View<T>(source), host);
            Wait();
        }
    }

    public void BeginDownload(Tensor source, Tensor host)
    {
        Check.Shape(host, source.Shape, "download", source.DType);
        _gpu.Driver.Bind();
        _downloads.Queue(source, host);
    }

    public void Fill(Tensor destination, float value)
    {
        Check.ElementSize<float>(destination, "fill");
        if (destination.Count == 0) return;
        _gpu.Driver.Bind();
        _fill.Run(LaunchGrid.OfElements(destination.Count), (to: _gpu.View<float>(destination), value),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.to, a.value));
    }

    public IDeviceRoofline OpenRoofline() => new GpuRoofline(_gpu, _roofline);

    /// <summary>Whether cuBLAS multiplies in place of own kernels.</summary>
    public bool MultipliesByCublas => Products.Cublas is not null;

    /// <summary>The own tile that forward products of these extents take; null where another way multiplies or none was multiplied yet.</summary>
    public string? ForwardTile(int rows, int outputs, int inputs) => (Kernels.MatMul as MatMulGpu)?.ForwardTile(rows, outputs, inputs);

    /// <summary>The vendor's dense peak at the clock rate that the driver states, in 10⁹ operations a second; null where it is not known.</summary>
    public double? StatedGflops(ComputePrecision operands) => _gpu.Accelerator is CudaAccelerator { Architecture: { Major: var major, Minor: var minor } } cuda
        ? CudaPeaks.Gflops(major, minor, cuda.NumMultiprocessors, cuda.ClockRate, operands)
        : null;

    /// <summary>cuBLAS on this device, in this device's precision; disposed before it. Null where it cannot be had.</summary>
    /// <param name="whyMissing">Where it is null: why, in a few words.</param>
    public IProductPeer? OpenPeer(out string whyMissing)
    {
        whyMissing = Cublas.WhyMissing(_gpu) ?? "";
        return whyMissing.Length == 0 ? new CublasPeer(_gpu, new Cublas(_gpu, Name), Precision) : null;
    }

    public void Synchronize()
    {
        _gpu.Driver.Bind();
        Wait();
    }

    public void Dispose()
    {
        _gpu.Driver.Release(() =>
        {
            _gpu.Driver.Bind();
            _gpu.Driver.Synchronize();
        });
        _uploads.Dispose();
        _downloads.Dispose();
        Products.Cublas?.Dispose();
        _gpu.Dispose();
    }

    internal static void FillElements(ArrayView<float> x, float value)
    {
        long stride = (long)Grid.DimX * Group.DimX;
        for (long i = (long)Grid.IdxX * Group.DimX + Group.IdxX; i < x.Length; i += stride) x[i] = value;
    }

    void Wait()
    {
        _uploads.Wait();
        _downloads.Deliver();
    }
}
