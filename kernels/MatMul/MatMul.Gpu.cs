using DistillEngine.Core;
using ILGPU;
using Launch = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, DistillEngine.Kernels.MatMulCall>;

namespace DistillEngine.Kernels;

/// <summary>
/// The three products of a linear map in float32: tiled (<see cref="MatMulTile"/>), in blocks as large as still fill the device, or by
/// <see cref="FewRows"/> where a decoding step has few rows, which is bound by the bandwidth of the weights.
/// </summary>
sealed class MatMulGpu : MatMul
{
    /// <summary>Most rows of a product that is not tiled: below, a tile would compute mostly zeros.</summary>
    internal const int MaxFewRows = 8;

    // Threads that share one output of few rows: a warp's.
    const int Lanes = 32;

    readonly Gpu _gpu;
    readonly TileSet[] _tiles;
    readonly DeviceKernel<Launch> _fewRows;

    public MatMulGpu(Gpu gpu)
    {
        _gpu = gpu;
        _tiles = gpu.IsEmulator ? [TileSet.Of<EmulatedTile>(gpu)] : [TileSet.Of<LargeTile>(gpu), TileSet.Of<SmallTile>(gpu)];
        _fewRows = gpu.Kernel<Launch>(FewRows);
    }

    protected override void ForwardCore(Tensor x, Weight w, Into into, Tensor y) =>
        Forward(_gpu.View<float>(x), _gpu.View<float>(w.Value), x.Shape.D0, w.Outputs, w.Inputs, into, _gpu.View<float>(y), w.Outputs);

    /// <summary>y = or += x Wᵀ, rows of y <paramref name="stride"/> elements apart.</summary>
    internal void Forward(ArrayView<float> x, ArrayView<float> w, int rows, int outputs, int inputs, Into into, ArrayView<float> y, int stride)
    {
        MatMulCall call = Call(rows, outputs, inputs, inputs, inputs, stride, into);
        if (rows == 0 || outputs == 0) return;
        if (rows > MaxFewRows)
        {
            TileSet tile = TileOf(rows, outputs);
            tile.Forward.Launch(_gpu.Stream, tile.Blocks(call), x, w, y, call);
            return;
        }
        int outputsOfGroup = Math.Max(_gpu.GroupSize / Lanes, 1);
        _fewRows.Launch(_gpu.Stream, _gpu.Groups((outputs + outputsOfGroup - 1) / outputsOfGroup), x, w, y, call);
    }

    protected override void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx) =>
        BackwardInput(_gpu.View<float>(dy), w.Outputs, _gpu.View<float>(w.Value), dy.Shape.D0, w.Outputs, w.Inputs, into, _gpu.View<float>(dx));

    /// <summary>dx = or += dy W, rows of dy <paramref name="stride"/> elements apart.</summary>
    internal void BackwardInput(ArrayView<float> dy, int stride, ArrayView<float> w, int rows, int outputs, int inputs, Into into, ArrayView<float> dx)
    {
        if (rows == 0 || inputs == 0) return;
        MatMulCall call = Call(rows, inputs, outputs, stride, inputs, inputs, into);
        TileSet tile = TileOf(rows, inputs);
        tile.BackwardInput.Launch(_gpu.Stream, tile.Blocks(call), dy, w, dx, call);
    }

    protected override void BackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight) =>
        BackwardWeight(_gpu.View<float>(dy), dWeight.Shape.D0, _gpu.View<float>(x), x.Shape.D0, dWeight.Shape.D0, dWeight.Shape.D1, _gpu.View<float>(dWeight));

    /// <summary>dWeight += dyᵀ x, rows of dy <paramref name="stride"/> elements apart.</summary>
    internal void BackwardWeight(ArrayView<float> dy, int stride, ArrayView<float> x, int rows, int outputs, int inputs, ArrayView<float> dWeight)
    {
        if (outputs == 0 || inputs == 0) return;
        MatMulCall call = Call(outputs, inputs, rows, stride, inputs, inputs, Into.Add);
        TileSet tile = TileOf(outputs, inputs);
        tile.BackwardWeight.Launch(_gpu.Stream, tile.Blocks(call), dy, x, dWeight, call);
    }

    static MatMulCall Call(int rows, int columns, int depth, int strideA, int strideB, int strideC, Into into) => new()
    {
        Rows = rows, Columns = columns, Depth = depth, StrideA = strideA, StrideB = strideB, StrideC = strideC, Add = into == Into.Add ? 1 : 0,
    };

    /// <summary>The largest tile that gives every multiprocessor a block, else the smallest.</summary>
    TileSet TileOf(int rows, int columns)
    {
        foreach (TileSet tile in _tiles)
            if (tile.BlockCount(rows, columns) >= _gpu.Accelerator.NumMultiprocessors) return tile;
        return _tiles[^1];
    }

    /// <summary>
    /// y = or += x Wᵀ for at most <see cref="MaxFewRows"/> rows: <see cref="Lanes"/> threads an output stride over its weights, which are
    /// read once; their sums are added in a tree.
    /// </summary>
    internal static void FewRows(ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, MatMulCall call)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads * MaxFewRows);
        var sums = LocalMemory.Allocate1D<float>(MaxFewRows);
        int lanes = Group.DimX < Lanes ? Group.DimX : Lanes, lane = Group.IdxX % lanes;
        int output = Grid.IdxX * (Group.DimX / lanes) + Group.IdxX / lanes;
        for (int row = 0; row < MaxFewRows; row++) sums[row] = 0;
        if (output < call.Columns)
        {
            for (int k = lane; k < call.Depth; k += lanes)
            {
                float weight = w[(long)output * call.StrideB + k];
                for (int row = 0; row < MaxFewRows; row++)
                    if (row < call.Rows) sums[row] += weight * x[(long)row * call.StrideA + k];
            }
        }
        for (int row = 0; row < MaxFewRows; row++) shared[row * GroupSums.MaxThreads + Group.IdxX] = sums[row];
        Group.Barrier();
        for (int half = lanes >> 1; half > 0; half >>= 1)
        {
            if (lane < half)
            {
                for (int row = 0; row < MaxFewRows; row++)
                    shared[row * GroupSums.MaxThreads + Group.IdxX] += shared[row * GroupSums.MaxThreads + Group.IdxX + half];
            }
            Group.Barrier();
        }
        if (lane != 0 || output >= call.Columns) return;
        for (int row = 0; row < call.Rows; row++)
        {
            long at = (long)row * call.StrideC + output;
            float sum = shared[row * GroupSums.MaxThreads + Group.IdxX];
            if (call.Add != 0) sum += y[at];
            y[at] = sum;
        }
    }

    /// <summary>The three products at one tile.</summary>
    sealed record TileSet(int Rows, int Columns, int Threads, DeviceKernel<Launch> Forward, DeviceKernel<Launch> BackwardInput, DeviceKernel<Launch> BackwardWeight)
    {
        public static TileSet Of<TTile>(Gpu gpu) where TTile : struct, IMatMulTile
        {
            int threads = MatMulTile.Threads<TTile>();
            return new(TTile.Rows, TTile.Columns, threads, gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, Lines, Lines>, threads),
                gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, Lines, Steps>, threads), gpu.Kernel<Launch>(MatMulTile.Multiply<TTile, Steps, Steps>, threads));
        }

        public long BlockCount(int rows, int columns) => (long)((rows + Rows - 1) / Rows) * ((columns + Columns - 1) / Columns);

        public KernelConfig Blocks(MatMulCall call) =>
            new(new Index3D((call.Columns + Columns - 1) / Columns, (call.Rows + Rows - 1) / Rows, 1), new Index3D(Threads, 1, 1));
    }
}
