using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using static DistillEngine.Kernels.AdafactorDevice;

namespace DistillEngine.Kernels;

/// <summary>
/// Row and column statistics of a factored parameter in one pass over its gradient; then the root mean square of the update, and the
/// update: 20 bytes an element, bound by bandwidth. Rate and clipping are settled on the device, so nothing waits. Sums run in float32 over
/// a thread's elements of a block and in double above that, in an order that depends on the shape and the group's size alone.
/// </summary>
sealed class AdafactorGpu(Gpu gpu) : Adafactor
{
    // Parameters that are not factored are treated as rows of this many elements.
    const int FlatWidth = 1024;

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<double>, AdafactorNumbers>> _observeFactored =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<double>, AdafactorNumbers>>(ObserveFactored<WarpLanes>, ObserveFactored<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AdafactorNumbers>> _observeColumns =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AdafactorNumbers>>(ObserveColumns);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, AdafactorNumbers>> _averageRows =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, AdafactorNumbers>>(AverageRows<WarpLanes>,
            AverageRows<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, ArrayView<float>, AdafactorNumbers>> _rowTerms =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, ArrayView<float>, AdafactorNumbers>>(RowTerms);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>,
        AdafactorNumbers>> _sumUpdates =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>,
            AdafactorNumbers>>(SumUpdates<WarpLanes>, SumUpdates<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>,
        AdafactorNumbers>> _observeFull =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>,
            AdafactorNumbers>>(ObserveFull<WarpLanes>, ObserveFull<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, AdafactorNumbers>> _settle =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, AdafactorNumbers>>(Settle<WarpLanes>, Settle<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>,
        ArrayView<float>, ArrayView<float>, AdafactorNumbers>> _apply =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<double>,
            ArrayView<float>, ArrayView<float>, AdafactorNumbers>>(Apply);

    protected override void UpdateCore(Tensor gradient, Tensor gradientNorm, in AdafactorStep step, Tensor value, in AdafactorState state, Tensor scratch)
    {
        if (value.Count == 0) return;
        bool factored = state.Squares.IsAbsent;
        AdafactorNumbers numbers = NumbersOf(step, value, factored, !state.Moment.IsAbsent);
        long sumCount = FirstSum + 2L * numbers.Blocks, bytes = sizeof(double) * sumCount + sizeof(float) * (factored ? numbers.Rows : 1L);
        ArrayView<double> sums = gpu.Scratch<double>(0, sumCount, bytes);
        ArrayView<float> rowTerms = gpu.Scratch<float>(2 * sumCount, factored ? numbers.Rows : 1, bytes);
        ArrayView<float> g = gpu.View<float>(gradient), norm = gpu.View<float>(gradientNorm), v = gpu.View<float>(value), second;
        if (factored)
        {
            ArrayView<float> rowMeans = gpu.View<float>(state.RowMeans), columnMeans = gpu.View<float>(state.ColumnMeans), partials = gpu.View<float>(scratch);
            _observeFactored.Launch(gpu.Stream, gpu.Groups(numbers.Blocks), g, norm, v, rowMeans, partials, sums, numbers);
            _observeColumns.Launch(gpu.Stream, gpu.Groups((numbers.Width + gpu.GroupSize - 1L) / gpu.GroupSize), partials, columnMeans, numbers);
            _averageRows.Launch(gpu.Stream, gpu.Groups(1), rowMeans, sums, numbers);
            _rowTerms.Launch(gpu.Stream, gpu.Elements(numbers.Rows), rowMeans, sums, rowTerms, numbers);
            // Column factors stand in the first row of scratch; where they cannot be separated, the means themselves are used.
            second = numbers.Separable != 0 ? partials : columnMeans;
            if (step.ClipThreshold > 0) _sumUpdates.Launch(gpu.Stream, gpu.Groups(numbers.Blocks), g, norm, second, rowTerms, sums, numbers);
        }
        else
        {
            second = gpu.View<float>(state.Squares);
            _observeFull.Launch(gpu.Stream, gpu.Groups(numbers.Blocks), g, norm, v, second, sums, numbers);
        }
        _settle.Launch(gpu.Stream, gpu.Groups(1), sums, numbers);
        _apply.Launch(gpu.Stream, gpu.Groups(numbers.Rows), g, norm, second, rowTerms, sums, v, state.Moment.IsAbsent ? v : gpu.View<float>(state.Moment),
            numbers);
    }

    static AdafactorNumbers NumbersOf(in AdafactorStep step, Tensor value, bool factored, bool hasMoment)
    {
        bool torch = step.Dialect == AdafactorDialect.Torch;
        int width = factored ? value.Shape.D1 : FlatWidth, rows = factored ? value.Shape.D0 : checked((int)((value.Count + FlatWidth - 1) / FlatWidth));
        return new()
        {
            Count = value.Count,
            Rows = rows,
            Width = width,
            Blocks = (rows + BlockRows - 1) / BlockRows,
            Clip = step.Clip,
            Beta2 = 1 - step.OneMinusBeta2,
            OneMinusBeta2 = step.OneMinusBeta2,
            Added = torch ? 0 : (float)step.Epsilon1,
            Floor = torch ? (float)(step.Epsilon1 * step.Epsilon1) : 0,
            LeastMean = torch ? step.Epsilon1 : 0,
            Beta1 = (float)step.Beta1,
            OneMinusBeta1 = (float)(1 - step.Beta1),
            Rate = step.Rate,
            LeastScale = step.Epsilon2,
            ClipThreshold = step.ClipThreshold,
            DecayOfRate = step.Decay(1) - step.Decay(0),
            Decay = step.Decay(0),
            Factored = factored ? 1 : 0,
            Separable = factored && !torch ? 1 : 0,
            NeedsValueRms = step.NeedsValueRms ? 1 : 0,
            HasMoment = hasMoment ? 1 : 0,
        };
    }
}
