using DistillEngine.Core;
using DistillEngine.Kernels;
using DistillEngine.Tests.Kernels;

namespace DistillEngine.Tests.Training;

/// <summary>Host memory and the optimizers' kernels alone: optimizers need no other op.</summary>
sealed class HostDevice(CpuIsa isa, ComputePool pool) : IBackend
{
    public string Name => "host";

    public KernelSet Kernels { get; } = new()
    {
        MatMul = null!,
        RmsNorm = null!,
        Attention = null!,
        Relu = null!,
        GatedGelu = null!,
        Embedding = null!,
        Dropout = null!,
        ResidualAdd = null!,
        LinearCrossEntropy = null!,
        RowScatter = null!,
        NextToken = null!,
        GradientNorm = null!,
        AdamW = CpuVariants.Create<AdamW>(isa, () => new AdamWCpu<F32x1>(pool), () => new AdamWCpu<F32x4>(pool),
            () => new AdamWCpu<F32x8>(pool), () => new AdamWCpu<F32x16>(pool)),
        Adafactor = CpuVariants.Create<Adafactor>(isa, () => new AdafactorCpu<F32x1>(pool), () => new AdafactorCpu<F32x4>(pool),
            () => new AdafactorCpu<F32x8>(pool), () => new AdafactorCpu<F32x16>(pool)),
    };

    public DeviceBuffer Allocate(long byteLength, string purpose) => new HostBuffer(byteLength, purpose);

    public void Upload<T>(ReadOnlySpan<T> host, Tensor destination) where T : unmanaged => host.CopyTo(destination.HostSpan<T>());

    public void Download<T>(Tensor source, Span<T> host) where T : unmanaged => source.HostSpan<T>()[..host.Length].CopyTo(host);

    public void BeginDownload(Tensor source, Tensor host) => source.CopyTo(host);

    public void Copy(Tensor source, Tensor destination) => source.HostSpan<float>().CopyTo(destination.HostSpan<float>());

    public void Fill(Tensor destination, float value) => destination.HostSpan<float>().Fill(value);

    public void Synchronize()
    {
    }

    public void Dispose()
    {
    }
}
