using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using static DistillEngine.Kernels.AdafactorDevice;
using ApplyKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<double>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    DistillEngine.Kernels.AdafactorNumbers>;
using ObserveFactoredKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<double>, DistillEngine.Kernels.AdafactorNumbers>;
using SumUpdatesKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<double>, DistillEngine.Kernels.AdafactorNumbers>;

namespace DistillEngine.Kernels;

/// <summary>
/// Row and column statistics of a factored parameter in one pass over its gradient; then the root mean square of the update, and the
/// update: 20 bytes an element, bound by bandwidth. Rate and clipping are settled on the device, so nothing waits. Sums run in float32 over
/// a part of a block and in double above that, in an order that depends on the shape alone.
/// </summary>
sealed class AdafactorGpu(Gpu gpu) : Adafactor
{
    // Parameters that are not factored are treated as rows of this many elements.
    const int FlatWidth = 1024;

    readonly TunedKernel<ObserveFactoredKernel> _observeFactored = gpu.Tuned<ObserveFactoredKernel>("adafactor.observe-factored",
        ObserveFactored<WarpLanes>, ObserveFactored<SharedLanes>);

    readonly TunedKernel<SumUpdatesKernel> _sumUpdates =
        gpu.Tuned<SumUpdatesKernel>("adafactor.sum-updates", SumUpdates<WarpLanes>, SumUpdates<SharedLanes>);

    readonly TunedKernel<SumUpdatesKernel> _observeFull =
        gpu.Tuned<SumUpdatesKernel>("adafactor.observe-full", ObserveFull<WarpLanes>, ObserveFull<SharedLanes>);

    readonly TunedKernel<ApplyKernel> _apply = gpu.Tuned<ApplyKernel>("adafactor.apply", Apply);

    // What follows handles a number a row, a column or a block of them: too little work to be worth measuring.
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AdafactorNumbers>> _observeColumns =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AdafactorNumbers>>(ObserveColumns);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, AdafactorNumbers>> _averageRows =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, AdafactorNumbers>>(AverageRows<WarpLanes>,
            AverageRows<SharedLanes>);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, ArrayView<float>, AdafactorNumbers>> _rowTerms =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<double>, ArrayView<float>, AdafactorNumbers>>(RowTerms);

    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, AdafactorNumbers>> _settle =
        gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<double>, AdafactorNumbers>>(Settle<WarpLanes>, Settle<SharedLanes>);

    protected override void UpdateCore(Tensor gradient, Tensor gradientNorm, in AdafactorStep step, Tensor value, in AdafactorState state, Tensor scratch)
    {
        if (value.Count == 0) return;
        bool factored = state.Squares.IsAbsent;
        AdafactorNumbers numbers = NumbersOf(step, value, factored, !state.Moment.IsAbsent);
        long sumCount = FirstSum + 2L * numbers.Blocks, bytes = sizeof(double) * sumCount + sizeof(float) * (factored ? numbers.Rows : 1L);
        ArrayView<double> sums = gpu.Scratch<double>(0, sumCount, bytes);
        ArrayView<float> rowTerms = gpu.Scratch<float>(2 * sumCount, factored ? numbers.Rows : 1, bytes);
        LaunchGrid blocks = LaunchGrid.OfRows(numbers.Blocks, (long)numbers.Width * BlockRows);
        ArrayView<float> g = gpu.View<float>(gradient), norm = gpu.View<float>(gradientNorm), v = gpu.View<float>(value), second;
        if (factored)
        {
            ArrayView<float> rowMeans = gpu.View<float>(state.RowMeans), columnMeans = gpu.View<float>(state.ColumnMeans), partials = gpu.View<float>(scratch);
            _observeFactored.Run(blocks, (g, norm, v, rowMeans, partials, sums, numbers),
                static (kernel, stream, grid, a) => kernel(stream, grid, a.g, a.norm, a.v, a.rowMeans, a.partials, a.sums, a.numbers), rowMeans);
            _observeColumns.Launch(gpu.Stream, gpu.Groups((numbers.Width + gpu.GroupSize - 1L) / gpu.GroupSize), partials, columnMeans, numbers);
            _averageRows.Launch(gpu.Stream, gpu.Groups(1), rowMeans, sums, numbers);
            _rowTerms.Launch(gpu.Stream, gpu.Elements(numbers.Rows), rowMeans, sums, rowTerms, numbers);
            // Column factors stand in the first row of scratch; where they cannot be separated, the means themselves are used.
            second = numbers.Separable != 0 ? partials : columnMeans;
            if (step.ClipThreshold > 0)
            {
                _sumUpdates.Run(blocks, (g, norm, second, rowTerms, sums, numbers),
                    static (kernel, stream, grid, a) => kernel(stream, grid, a.g, a.norm, a.second, a.rowTerms, a.sums, a.numbers));
            }
        }
        else
        {
            second = gpu.View<float>(state.Squares);
            _observeFull.Run(blocks, (g, norm, v, second, sums, numbers),
                static (kernel, stream, grid, a) => kernel(stream, grid, a.g, a.norm, a.v, a.second, a.sums, a.numbers), second);
        }
        _settle.Launch(gpu.Stream, gpu.Groups(1), sums, numbers);
        ArrayView<float> moment = state.Moment.IsAbsent ? v : gpu.View<float>(state.Moment);
        _apply.Run(LaunchGrid.OfRows(numbers.Rows, numbers.Width), (g, norm, second, rowTerms, sums, v, moment, numbers),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.g, a.norm, a.second, a.rowTerms, a.sums, a.v, a.moment, a.numbers), v, moment);
    }

    AdafactorNumbers NumbersOf(in AdafactorStep step, Tensor value, bool factored, bool hasMoment)
    {
        bool torch = step.Dialect == AdafactorDialect.Torch;
        int width = factored ? value.Shape.D1 : FlatWidth, rows = factored ? value.Shape.D0 : checked((int)((value.Count + FlatWidth - 1) / FlatWidth));
        return new()
        {
            Count = value.Count,
            Rows = rows,
            Width = width,
            Blocks = (rows + BlockRows - 1) / BlockRows,
            Parts = gpu.SumParts,
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
