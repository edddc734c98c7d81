using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using BackwardByKey = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<int>, DistillEngine.Kernels.AttentionNumbers, ILGPU.ArrayView<float>>;
using BackwardByQuery = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<int>, DistillEngine.Kernels.AttentionNumbers, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;
using ForwardKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<int>, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>, DistillEngine.Kernels.AttentionNumbers,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;

namespace DistillEngine.Kernels;

/// <summary>
/// Fused attention: <see cref="AttentionForward"/> and <see cref="AttentionBackward"/>. The lengths of the sequences lie on the device, so the
/// grid has every sequence and head, and a share of its queries or keys where that alone would not fill the device. Spans are not checked:
/// that would wait for the device.
/// </summary>
sealed class AttentionGpu : Attention
{
    // Fewer queries a sequence than this, and most threads of a group with one query each would idle.
    const int LeastQueries = 4;

    readonly Gpu _gpu;
    readonly ShapeKernels[] _shapes;
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AttentionNumbers, ArrayView<float>>> _deltas;
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, AttentionNumbers, ArrayView<float>>> _addTable;

    public AttentionGpu(Gpu gpu)
    {
        _gpu = gpu;
        _shapes = gpu switch
        {
            { IsEmulator: true } => [ShapeKernels.Of<EmulatedHeads>(gpu)],
            { HasShuffles: true } => [ShapeKernels.Of<SharedHeads64>(gpu), ShapeKernels.Of<SharedHeads128>(gpu)],
            _ => [ShapeKernels.Of<Heads64>(gpu), ShapeKernels.Of<Heads128>(gpu)],
        };
        _deltas = gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AttentionNumbers,
            ArrayView<float>>>(AttentionBackward.Deltas);
        _addTable = gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, AttentionNumbers, ArrayView<float>>>(AttentionBackward.AddTable);
    }

    public override int MaxHeadWidth => _shapes[^1].Width;

    protected override void ForwardCore(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias, DropoutSite dropout,
        Tensor y, Tensor logSumExp)
    {
        if (spans.Shape.D0 == 0) return;
        AttentionNumbers n = Numbers(q, heads, masking, bias, dropout);
        ShapeKernels shape = ShapeOf(n);
        ArrayView<float> qView = _gpu.View<float>(q), yView = _gpu.View<float>(y);
        ArrayView<int> spanView = _gpu.View<int>(spans);
        bool isDecoding = q.Shape.D0 < (long)LeastQueries * spans.Shape.D0;
        DeviceKernel<ForwardKernel> kernel = isDecoding ? shape.DecodeForward : shape.Forward;
        KernelConfig grid = shape.Grid(_gpu, spans.Shape.D0 * heads, isDecoding ? 1 : q.Shape.D0);
        kernel.Launch(_gpu.Stream, grid, qView, _gpu.View<float>(k), _gpu.View<float>(v), spanView, bias.IsAbsent ? qView : _gpu.View<float>(bias.Table),
            bias.IsAbsent ? spanView : _gpu.View<int>(bias.BucketOfDistance), n, yView, _gpu.View<float>(logSumExp));
    }

    protected override void BackwardCore(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads, Masking masking,
        RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials)
    {
        if (spans.Shape.D0 == 0) return;
        AttentionNumbers n = Numbers(q, heads, masking, bias, dropout);
        ShapeKernels shape = ShapeOf(n);
        ArrayView<float> slopes = _gpu.View<float>(dy), qView = _gpu.View<float>(q), kView = _gpu.View<float>(k), vView = _gpu.View<float>(v);
        ArrayView<float> sums = _gpu.View<float>(logSumExp), deltas = _gpu.Scratch<float>(logSumExp.Count);
        ArrayView<int> spanView = _gpu.View<int>(spans), buckets = bias.IsAbsent ? spanView : _gpu.View<int>(bias.BucketOfDistance);
        ArrayView<float> table = bias.IsAbsent ? qView : _gpu.View<float>(bias.Table), partials = bias.IsAbsent ? deltas : _gpu.View<float>(tablePartials);
        _deltas.Launch(_gpu.Stream, _gpu.Elements(logSumExp.Count), slopes, _gpu.View<float>(y), n, deltas);
        // dq comes last, since it may overwrite dy; the buckets beyond those that its kernel sums come before it, in calls of their own.
        KernelConfig byKey = shape.Grid(_gpu, spans.Shape.D0 * heads, k.Shape.D0);
        shape.ValueGradients.Launch(_gpu.Stream, byKey, slopes, qView, kView, vView, sums, deltas, spanView, table, buckets, n, _gpu.View<float>(dv));
        shape.KeyGradients.Launch(_gpu.Stream, byKey, slopes, qView, kView, vView, sums, deltas, spanView, table, buckets, n, _gpu.View<float>(dk));
        for (int window = Math.Max(n.Buckets - 1, 0) / AttentionBackward.MaxBuckets; window >= 0; window--)
        {
            n.FirstBucket = window * AttentionBackward.MaxBuckets;
            shape.QueryGradients.Launch(_gpu.Stream, shape.Grid(_gpu, spans.Shape.D0 * heads, 1), slopes, qView, kView, vView, sums, deltas, spanView, table,
                buckets, n, _gpu.View<float>(dq), partials);
        }
        if (!bias.IsAbsent) _addTable.Launch(_gpu.Stream, _gpu.Elements(dTable.Count), partials, spans.Shape.D0, n, _gpu.View<float>(dTable));
    }

    static AttentionNumbers Numbers(Tensor q, int heads, Masking masking, RelativeBias bias, DropoutSite dropout) => new()
    {
        Heads = heads, Width = q.Shape.D1, HeadWidth = q.Shape.D1 / heads, Buckets = bias.IsAbsent ? 0 : bias.Table.Shape.D0,
        Reach = bias.IsAbsent ? 0 : bias.Reach, IsCausal = masking == Masking.Causal ? 1 : 0, HasBias = bias.IsAbsent ? 0 : 1,
        Dropout = DropoutNumbers.Of(dropout),
    };

    /// <summary>The narrowest that holds the heads; <see cref="MaxHeadWidth"/> was checked.</summary>
    ShapeKernels ShapeOf(AttentionNumbers n) => Array.Find(_shapes, shape => n.HeadWidth <= shape.Width)!;

    /// <summary>All kernels of one shape.</summary>
    /// <param name="Rows">Queries or keys of a group.</param>
    sealed record ShapeKernels(int Threads, int Rows, int Width, DeviceKernel<ForwardKernel> Forward, DeviceKernel<ForwardKernel> DecodeForward,
        DeviceKernel<BackwardByKey> ValueGradients, DeviceKernel<BackwardByKey> KeyGradients, DeviceKernel<BackwardByQuery> QueryGradients)
    {
        public static ShapeKernels Of<TShape>(Gpu gpu) where TShape : struct, IAttentionShape => new(
            TShape.Threads, TShape.Threads / TShape.RowThreads, TShape.Width,
            gpu.Kernel<ForwardKernel>(AttentionForward.ByQuery<TShape>, TShape.Threads),
            gpu.Kernel<ForwardKernel>(AttentionForward.ByKey<TShape, WarpLanes>, AttentionForward.ByKey<TShape, SharedLanes>, TShape.Threads),
            gpu.Kernel<BackwardByKey>(AttentionBackward.ByKey<TShape, OfValues>, TShape.Threads),
            gpu.Kernel<BackwardByKey>(AttentionBackward.ByKey<TShape, OfKeys>, TShape.Threads),
            gpu.Kernel<BackwardByQuery>(AttentionBackward.ByQuery<TShape>, TShape.Threads));

        /// <summary>A group a sequence and head, times as many shares of its rows as fill the device; no sequence has more than
        /// <paramref name="rows"/>.</summary>
        public KernelConfig Grid(Gpu gpu, int spansTimesHeads, int rows)
        {
            int shares = Math.Min((rows + Rows - 1) / Rows, (gpu.MostGroups + spansTimesHeads - 1) / spansTimesHeads);
            return new(new Index3D(spansTimesHeads, Math.Max(shares, 1), 1), new Index3D(Threads, 1, 1));
        }
    }
}
