using System.Runtime.CompilerServices;
using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>One group a row; reads and writes 4 bytes an element each; bound by bandwidth. The draws are the CPU's, bit for bit.</summary>
sealed class DropoutGpu(Gpu gpu) : Dropout
{
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, DropoutNumbers, ArrayView<float>>> _mask =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, DropoutNumbers, ArrayView<float>>>("dropout", MaskRows);

    protected override void ForwardCore(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y) => Apply(x, rowKeys, site, y);

    protected override void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dx) => Apply(dy, rowKeys, site, dx);

    /// <summary>y = x · mask, without checks or a trace of its own: also the backward of <see cref="ResidualAdd"/>.</summary>
    internal void Apply(Tensor x, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        bool isInPlace = x.Buffer == y.Buffer && x.ElementOffset == y.ElementOffset;
        if (x.Count == 0 || (!site.IsActive && isInPlace)) return;
        ArrayView<float> to = gpu.View<float>(y);
        _mask.Run(LaunchGrid.OfRows(x.Shape.D0, x.Shape.D1), (x: gpu.View<float>(x), keys: gpu.View<int>(rowKeys), x.Shape.D1, n: DropoutNumbers.Of(site), to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.x, a.keys, a.D1, a.n, a.to), to);
    }

    internal static void MaskRows(ArrayView<float> x, ArrayView<int> rowKeys, int width, DropoutNumbers numbers, ArrayView<float> y)
    {
        int row = Grid.IdxX;
        uint key = numbers.Key ^ (uint)rowKeys[row];
        long start = (long)row * width;
        for (int i = Group.IdxX; i < width; i += Group.DimX) y[start + i] = x[start + i] * numbers.Factor(key, (uint)i);
    }
}

/// <summary><see cref="DropoutSite"/> as kernels take it.</summary>
struct DropoutNumbers
{
    public uint Key, Threshold;
    public float KeepScale;

    /// <summary>Without dropout no draw is below the threshold and every factor is 1.</summary>
    public static DropoutNumbers Of(DropoutSite site) => site.IsActive
        ? new() { Key = site.Key, Threshold = site.Threshold, KeepScale = site.KeepScale }
        : new() { KeepScale = 1 };

    /// <param name="key">Of the site and the row together.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float Factor(uint key, uint column) => Threshold != 0 && CounterRng.Draw(key, column) < Threshold ? 0 : KeepScale;
}
