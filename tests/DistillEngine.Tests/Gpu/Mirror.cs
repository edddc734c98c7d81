using DistillEngine.Core;
using DistillEngine.Kernels;

namespace DistillEngine.Tests.Gpu;

/// <summary>
/// Ops of a device that take host tensors, so that a case of the CPU's ops runs on it unchanged: each call carries the whole buffers of its
/// tensors there and back, guards and aliases included.
/// </summary>
/// <param name="ops">Null takes the device's own.</param>
sealed class Mirror(IBackend device, KernelSet? ops = null)
{
    readonly Dictionary<HostBuffer, DeviceBuffer> _copies = [];

    public KernelSet Kernels => new()
    {
        MatMul = new MirroredMatMul(this),
        RmsNorm = new MirroredRmsNorm(this),
        Attention = new MirroredAttention(this),
        Relu = new MirroredRelu(this),
        GatedGelu = new MirroredGatedGelu(this),
        Embedding = new MirroredEmbedding(this),
        Dropout = new MirroredDropout(this),
        ResidualAdd = new MirroredResidualAdd(this),
        LinearCrossEntropy = new MirroredLinearCrossEntropy(this),
        RowScatter = new MirroredRowScatter(this),
        NextToken = new MirroredNextToken(this),
        GradientNorm = new MirroredGradientNorm(this),
        AdamW = new MirroredAdamW(this),
        Adafactor = new MirroredAdafactor(this),
    };

    /// <summary>The device's ops.</summary>
    public KernelSet Ops { get; } = ops ?? device.Kernels;

    /// <summary>The same view on the device; its buffer is carried there by the first view of a call.</summary>
    public Tensor this[Tensor host]
    {
        get
        {
            if (host.IsAbsent) return host;
            var buffer = (HostBuffer)host.Buffer;
            if (!_copies.TryGetValue(buffer, out DeviceBuffer? copy))
            {
                _copies[buffer] = copy = device.Allocate(buffer.ByteLength, buffer.Purpose);
                Tensor whole = Whole(buffer);
                device.Upload<float>(whole.HostSpan<float>(), whole with { Buffer = copy });
            }
            return host with { Buffer = copy };
        }
    }

    public Weight this[Weight host] => new(this[host.Value]);

    /// <summary>Ends a call: everything is carried back.</summary>
    public void Return()
    {
        foreach (var (buffer, copy) in _copies)
        {
            Tensor whole = Whole(buffer);
            device.Download(whole with { Buffer = copy }, whole.HostSpan<float>());
            copy.Dispose();
        }
        _copies.Clear();
    }

    static Tensor Whole(HostBuffer buffer) => new(buffer, 0, new(checked((int)(buffer.ByteLength / sizeof(float)))), DType.F32, buffer.Purpose);
}
