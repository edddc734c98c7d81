using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>One group a row. Forward reads 8 bytes an element and writes 4; bound by bandwidth. Backward is <see cref="DropoutGpu"/>'s.</summary>
sealed class ResidualAddGpu(Gpu gpu, DropoutGpu dropout) : ResidualAdd
{
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, int, DropoutNumbers,
        ArrayView<float>>> _add =
        gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, int, DropoutNumbers,
            ArrayView<float>>>("residual_add.forward", AddRows);

    protected override void ForwardCore(Tensor x, Tensor branch, Tensor rowKeys, DropoutSite site, Tensor y)
    {
        if (x.Count == 0) return;
        ArrayView<float> to = gpu.View<float>(y);
        _add.Run(LaunchGrid.OfRows(x.Shape.D0, x.Shape.D1),
            (x: gpu.View<float>(x), branch: gpu.View<float>(branch), keys: gpu.View<int>(rowKeys), x.Shape.D1, n: DropoutNumbers.Of(site), to),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.x, a.branch, a.keys, a.D1, a.n, a.to), to);
    }

    protected override void BackwardCore(Tensor dy, Tensor rowKeys, DropoutSite site, Tensor dBranch) => dropout.Apply(dy, rowKeys, site, dBranch);

    internal static void AddRows(ArrayView<float> x, ArrayView<float> branch, ArrayView<int> rowKeys, int width, DropoutNumbers numbers, ArrayView<float> y)
    {
        int row = Grid.IdxX;
        uint key = numbers.Key ^ (uint)rowKeys[row];
        long start = (long)row * width;
        for (int i = Group.IdxX; i < width; i += Group.DimX) y[start + i] = x[start + i] + branch[start + i] * numbers.Factor(key, (uint)i);
    }
}
