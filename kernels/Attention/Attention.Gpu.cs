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
/// Fused attention: <see cref="AttentionForward"/>, <see cref="AttentionBackward"/> and for wide heads <see cref="AttentionWide"/>. The lengths of the
/// sequences lie on the device, so the grid has every sequence and head, and a share of its queries or keys where that alone would not fill the device. Spans are not checked:
/// that would wait for the device.
/// </summary>
sealed class AttentionGpu : Attention
{
    // Fewer queries a sequence than this, and most threads of a group with one query each would idle.
    const int LeastQueries = 4;

    readonly Gpu _gpu;
    readonly ShapeKernels[] _shapes;
    readonly TunedKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AttentionNumbers, ArrayView<float>>> _deltas;

    // Sums a bucket and head: too little work to be worth measuring.
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, AttentionNumbers, ArrayView<float>>> _joinParts;
    readonly DeviceKernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, AttentionNumbers, ArrayView<float>>> _addTable;

    public AttentionGpu(Gpu gpu)
    {
        _gpu = gpu;
        _shapes = gpu switch
        {
            { IsEmulator: true } => [ShapeKernels.Of<EmulatedHeads>(gpu), ShapeKernels.OfWide<EmulatedWideHeads>(gpu)],
            { HasShuffles: true } => [ShapeKernels.Of<SharedHeads64>(gpu), ShapeKernels.Of<SharedHeads128>(gpu), ShapeKernels.OfWide<WideHeads>(gpu)],
            _ => [ShapeKernels.Of<Heads64>(gpu), ShapeKernels.Of<Heads128>(gpu), ShapeKernels.OfWide<WideHeads>(gpu)],
        };
        _deltas = gpu.Tuned<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<float>, AttentionNumbers,
            ArrayView<float>>>("attention.deltas", AttentionBackward.Deltas);
        _joinParts = gpu.Kernel<Action<AcceleratorStream, KernelConfig, ArrayView<float>, ArrayView<int>, int, AttentionNumbers,
            ArrayView<float>>>(AttentionBackward.JoinParts);
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
        TunedKernel<ForwardKernel> forward = isDecoding ? shape.DecodeForward : shape.Forward;
        forward.Run(shape.Grid(spans.Shape.D0 * heads, isDecoding ? 1 : q.Shape.D0, k.Shape.D0),
            (qView, k: _gpu.View<float>(k), v: _gpu.View<float>(v), spanView, table: bias.IsAbsent ? qView : _gpu.View<float>(bias.Table),
                buckets: bias.IsAbsent ? spanView : _gpu.View<int>(bias.BucketOfDistance), n, yView, sums: _gpu.View<float>(logSumExp)),
            static (kernel, stream, grid, a) =>
                kernel(stream, grid, a.qView, a.k, a.v, a.spanView, a.table, a.buckets, a.n, a.yView, a.sums), yView);
    }

    protected override void BackwardCore(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads, Masking masking,
        RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials)
    {
        if (spans.Shape.D0 == 0) return;
        AttentionNumbers n = Numbers(q, heads, masking, bias, dropout);
        ShapeKernels shape = ShapeOf(n);
        ArrayView<float> slopes = _gpu.View<float>(dy), qView = _gpu.View<float>(q), kView = _gpu.View<float>(k), vView = _gpu.View<float>(v);
        int spansTimesHeads = spans.Shape.D0 * heads;
        long partCount = (long)spansTimesHeads * AttentionBackward.QueryParts * n.Buckets, bytes = (logSumExp.Count + partCount) * sizeof(float);
        ArrayView<float> sums = _gpu.View<float>(logSumExp), deltas = _gpu.Scratch<float>(0, logSumExp.Count, bytes);
        ArrayView<float> parts = _gpu.Scratch<float>(logSumExp.Count, partCount, bytes);
        ArrayView<int> spanView = _gpu.View<int>(spans), buckets = bias.IsAbsent ? spanView : _gpu.View<int>(bias.BucketOfDistance);
        ArrayView<float> table = bias.IsAbsent ? qView : _gpu.View<float>(bias.Table);
        _deltas.Run(LaunchGrid.OfElements(logSumExp.Count), (slopes, y: _gpu.View<float>(y), n, deltas),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.slopes, a.y, a.n, a.deltas));
        // dq comes last, since it may overwrite dy; the buckets beyond those that its kernel sums come before it, in calls of their own.
        LaunchGrid byKey = shape.Grid(spansTimesHeads, k.Shape.D0, q.Shape.D0);
        RunByKey(shape.ValueGradients, dv);
        RunByKey(shape.KeyGradients, dk);
        // More shares than parts would have nothing to do.
        KernelConfig byQuery = shape.Grid(spansTimesHeads, Math.Min(q.Shape.D0, AttentionBackward.QueryParts * shape.QueryRows), k.Shape.D0)
            .Of(_gpu, shape.QueryGradients.GroupSize);
        for (int window = Math.Max(n.Buckets - 1, 0) / AttentionBackward.MaxBuckets; window >= 0; window--)
        {
            n.FirstBucket = window * AttentionBackward.MaxBuckets;
            shape.QueryGradients.Launch(_gpu.Stream, byQuery, slopes, qView, kView, vView, sums, deltas, spanView, table, buckets, n, _gpu.View<float>(dq),
                parts);
        }
        if (!bias.IsAbsent)
        {
            ArrayView<float> partials = _gpu.View<float>(tablePartials);
            _joinParts.Launch(_gpu.Stream, _gpu.Elements(partials.Length), parts, spanView, shape.QueryRows, n, partials);
            _addTable.Launch(_gpu.Stream, _gpu.Elements(dTable.Count), partials, spans.Shape.D0, n, _gpu.View<float>(dTable));
        }

        void RunByKey(TunedKernel<BackwardByKey> gradients, Tensor to) => gradients.Run(byKey,
            (slopes, qView, kView, vView, sums, deltas, spanView, table, buckets, n, to: _gpu.View<float>(to)),
            static (kernel, stream, grid, a) => kernel(stream, grid, a.slopes, a.qView, a.kView, a.vView, a.sums, a.deltas, a.spanView, a.table, a.buckets,
                a.n, a.to));
    }

    static AttentionNumbers Numbers(Tensor q, int heads, Masking masking, RelativeBias bias, DropoutSite dropout) => new()
    {
        Heads = heads, Width = q.Shape.D1, HeadWidth = q.Shape.D1 / heads, Buckets = bias.IsAbsent ? 0 : bias.Table.Shape.D0,
        Reach = bias.IsAbsent ? 0 : bias.Reach, IsCausal = masking == Masking.Causal ? 1 : 0, HasBias = bias.IsAbsent ? 0 : 1,
        Dropout = DropoutNumbers.Of(dropout),
    };

    /// <summary>The narrowest that holds the heads; <see cref="MaxHeadWidth"/> was checked.</summary>
    ShapeKernels ShapeOf(AttentionNumbers n) => Array.Find(_shapes, shape => n.HeadWidth <= shape.Width)!;

    /// <summary>All kernels of one shape. Those whose threads sum for a row alone have several numbers of threads. The others have one: where a thread
    /// takes a key, the order of a query's sums depends on it, and the sums of the bias's gradient fill shared memory.</summary>
    sealed record ShapeKernels(int RowThreads, int Width, TunedKernel<ForwardKernel> Forward, TunedKernel<ForwardKernel> DecodeForward,
        TunedKernel<BackwardByKey> ValueGradients, TunedKernel<BackwardByKey> KeyGradients, DeviceKernel<BackwardByQuery> QueryGradients)
    {
        public static ShapeKernels Of<TShape>(Gpu gpu) where TShape : struct, IAttentionShape
        {
            return new(TShape.RowThreads, TShape.Width,
                Sizes<ForwardKernel>("forward", AttentionForward.ByQuery<TShape>, AttentionForward.ByQuery<Halved<TShape>>,
                    AttentionForward.ByQuery<Doubled<TShape>>),
                new(gpu, "attention.decode", gpu.Kernel<ForwardKernel>(AttentionForward.ByKey<TShape, WarpLanes>,
                    AttentionForward.ByKey<TShape, SharedLanes>, TShape.Threads)),
                Sizes<BackwardByKey>("backward-values", AttentionBackward.ByKey<TShape, OfValues>, AttentionBackward.ByKey<Halved<TShape>, OfValues>,
                    AttentionBackward.ByKey<Doubled<TShape>, OfValues>),
                Sizes<BackwardByKey>("backward-keys", AttentionBackward.ByKey<TShape, OfKeys>, AttentionBackward.ByKey<Halved<TShape>, OfKeys>,
                    AttentionBackward.ByKey<Doubled<TShape>, OfKeys>),
                gpu.Kernel<BackwardByQuery>(AttentionBackward.ByQuery<TShape>, TShape.Threads));

            TunedKernel<TLaunch> Sizes<TLaunch>(string op, Delegate usual, Delegate halved, Delegate doubled) where TLaunch : Delegate =>
                new(gpu, $"attention.{op}.{TShape.Width}", [.. new (Delegate Code, int Threads)[]
                    { (usual, TShape.Threads), (halved, TShape.Threads / 2), (doubled, TShape.Threads * 2) }
                    .Where(size => size.Threads == TShape.Threads || gpu.Takes(size.Threads))
                    .Select(size => gpu.Kernel<TLaunch>(size.Code, size.Threads))]);
        }

        /// <summary>Kernels for rows that no registers hold. All threads share a row; one size serves what no published model needs.</summary>
        public static ShapeKernels OfWide<TShape>(Gpu gpu) where TShape : struct, IHeadShape
        {
            DeviceKernel<ForwardKernel> forward = gpu.Kernel<ForwardKernel>(AttentionForward.ByKey<TShape, WarpLanes>,
                AttentionForward.ByKey<TShape, SharedLanes>, TShape.Threads);
            return new(TShape.Threads, TShape.Width, new(gpu, "attention.forward", forward), new(gpu, "attention.decode", forward),
                new(gpu, "attention.backward-values", gpu.Kernel<BackwardByKey>(AttentionWide.ByKey<TShape, OfValues>, TShape.Threads)),
                new(gpu, "attention.backward-keys", gpu.Kernel<BackwardByKey>(AttentionWide.ByKey<TShape, OfKeys>, TShape.Threads)),
                gpu.Kernel<BackwardByQuery>(AttentionWide.ByQuery<TShape>, TShape.Threads));
        }

        /// <summary>Queries of a group of <see cref="QueryGradients"/> at a time.</summary>
        public int QueryRows => QueryGradients.GroupSize / RowThreads;

        /// <summary>A group a sequence and head, times shares of its rows.</summary>
        /// <param name="rows">No sequence has more.</param>
        /// <param name="others">Rows on the other side.</param>
        public LaunchGrid Grid(int spansTimesHeads, int rows, int others) => LaunchGrid.OfShares(spansTimesHeads, rows, others, RowThreads);
    }
}
