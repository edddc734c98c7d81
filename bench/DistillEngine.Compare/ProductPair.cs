using DistillEngine.Core;
using DistillEngine.Kernels;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace DistillEngine.Compare;

/// <summary>The same linear map on both sides.</summary>
sealed class ProductPair : IDisposable
{
    readonly CpuBackend _backend;
    readonly List<DeviceBuffer> _buffers = [];
    readonly Core.Tensor _x, _y;
    readonly Weight _w;
    readonly Tensor _theirX, _theirW;
    Tensor? _theirY;

    public ProductPair(CpuBackend backend, int rows, int inputs, int outputs, ScalarType type)
    {
        _backend = backend;
        var random = new Random(1);
        (_x, _y) = (New("x", new(rows, inputs), random), New("y", new(rows, outputs), random));
        _w = new Weight(New("w", new(outputs, inputs), random));
        (_theirX, _theirW) = (Copy(_x, type), Copy(_w.Value, type));
    }

    public void Ours() => _backend.Kernels.MatMul.Forward(_x, _w, Into.Overwrite, _y);

    public void Theirs()
    {
        using var _ = no_grad();
        _theirY?.Dispose();
        _theirY = F.linear(_theirX, _theirW);
    }

    /// <summary>Of the results, by the largest element.</summary>
    public double LargestDifference()
    {
        using var scope = NewDisposeScope();
        Tensor theirs = _theirY!.to(ScalarType.Float32), ours = tensor(_y.HostSpan<float>().ToArray(), theirs.shape);
        return ((ours - theirs).abs().max() / theirs.abs().max()).item<float>();
    }

    public void Dispose()
    {
        _theirY?.Dispose();
        _theirX.Dispose();
        _theirW.Dispose();
        foreach (DeviceBuffer buffer in _buffers) buffer.Dispose();
    }

    Core.Tensor New(string name, Shape shape, Random random)
    {
        DeviceBuffer buffer = _backend.Allocate(sizeof(float) * shape.Count, name);
        _buffers.Add(buffer);
        var result = new Core.Tensor(buffer, 0, shape, DType.F32, name);
        foreach (ref float value in result.HostSpan<float>()) value = random.NextSingle() - 0.5f;
        return result;
    }

    static Tensor Copy(Core.Tensor source, ScalarType type)
    {
        using Tensor exact = tensor(source.HostSpan<float>().ToArray(), [source.Shape.D0, source.Shape.D1]);
        return exact.to(type, copy: true).DetachFromDisposeScope();
    }
}
