using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;
using Launch = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>,
    ILGPU.ArrayView<float>, DistillEngine.Kernels.MatMulCall>;

namespace DistillEngine.Kernels;

/// <summary>
/// The three products of a linear map: on tensor cores (<see cref="MatMulTensorTile"/>) where operands may be rounded and the device has
/// them, by <see cref="MatMulPipeline"/> where measuring prefers it, else tiled (<see cref="MatMulTile"/>), or by <see cref="FewRows"/>
/// where a decoding step has few rows, which is bound by the bandwidth of the weights and multiplies in float32. Every tile adds a sum's
/// terms in the same order, so that the choice of one changes no bit.
/// </summary>
sealed class MatMulGpu : MatMul
{
    /// <summary>Most rows of a forward product that is not tiled: below, a tile would compute mostly zeros.</summary>
    internal const int MaxFewRows = 8;

    // Threads that share one output of few rows: a warp's.
    const int Lanes = 32;

    // What the tuning file calls the products.
    static readonly string[] ProductNames = ["forward", "backward-input", "backward-weight"];

    readonly Gpu _gpu;
    readonly MatMulSettings _settings;
    readonly MatMulTileSet[] _tiles;
    readonly int _directTiles;
    readonly ResultComparison _comparison;
    readonly DeviceKernel<Launch>[] _fewRows;
    readonly string[] _tileNames, _fewRowsNames;

    /// <param name="settings">Null takes float32, tiles by size.</param>
    /// <param name="tiles">From the largest to the smallest, then those that need memory of their own; null takes those that suit the settings.</param>
    public MatMulGpu(Gpu gpu, MatMulSettings? settings = null, MatMulTileSet[]? tiles = null)
    {
        _gpu = gpu;
        _settings = settings ?? new();
        _tiles = tiles ?? TilesOf(gpu, _settings);
        _directTiles = _tiles.Count(tile => tile is DirectTileSet);
        _comparison = new ResultComparison(gpu);
        _fewRows = [.. (gpu.IsEmulator ? [gpu.GroupSize] : (int[])[gpu.GroupSize, gpu.GroupSize / 2, GroupSums.MaxThreads])
            .Select(groupSize => gpu.Kernel<Launch>(FewRows, groupSize))];
        _tileNames = [.. _tiles.Select(tile => tile.Name)];
        _fewRowsNames = [.. _fewRows.Select(kernel => $"{kernel.GroupSize}")];
    }

    /// <summary>The tiles that suit the settings, from the largest to the smallest, then those that need memory of their own.</summary>
    internal static MatMulTileSet[] TilesOf(Gpu gpu, MatMulSettings settings) => settings switch
    {
        { Precision: ComputePrecision.Bf16, HasTensorCores: true } => [.. TensorTiles<CudaBf16>(gpu), .. Pipelines<CudaBf16>(gpu)],
        { Precision: ComputePrecision.Tf32 } => TensorTiles<CudaTf32>(gpu),
        { Precision: ComputePrecision.Bf16 } => Tiles<RoundedToBf16>(gpu),
        _ => Tiles<Unrounded>(gpu),
    };

    static MatMulTileSet[] Tiles<TRounding>(Gpu gpu) where TRounding : struct, IOperandRounding => gpu.IsEmulator
        ? [MatMulTileSet.Of<EmulatedTile, TRounding>(gpu)]
        : [MatMulTileSet.Of<LargeTile, TRounding>(gpu), MatMulTileSet.Of<SmallTile, TRounding>(gpu)];

    static MatMulTileSet[] TensorTiles<TCore>(Gpu gpu) where TCore : struct, ITensorCore =>
    [
        MatMulTileSet.OfTensorCores<LargeTensorTile, TCore>(gpu), MatMulTileSet.OfTensorCores<MediumTensorTile, TCore>(gpu),
        MatMulTileSet.OfTensorCores<SmallTensorTile, TCore>(gpu),
    ];

    static IEnumerable<MatMulTileSet> Pipelines<TCore>(Gpu gpu) where TCore : struct, IPipelineCore => ((MatMulTileSet?[])
    [
        PipelineTileSet.TryCreate<WidePipelineTile, TCore>(gpu), PipelineTileSet.TryCreate<ShallowPipelineTile, TCore>(gpu),
        PipelineTileSet.TryCreate<SquarePipelineTile, TCore>(gpu),
    ]).OfType<MatMulTileSet>();

    /// <summary>The tile that was chosen for a forward product of this class; null before its first, and where another way multiplies.</summary>
    public string? ForwardTile(int rows, int outputs, int inputs) => rows <= MaxFewRows || _settings.Cublas is not null ? null
        : _tiles.Length == 1 || _settings.Tuner is not { } tuner ? _tileNames[FillingTile(rows, outputs)]
        : tuner.TryGet(KeyOf(MatMulProduct.Forward, rows, outputs, inputs), out int choice) ? _tileNames[choice] : null;

    protected override void ForwardCore(Tensor x, Weight w, Into into, Tensor y) =>
        Forward(_gpu.View<float>(x), _gpu.View<float>(w.Value), x.Shape.D0, w.Outputs, w.Inputs, into, _gpu.View<float>(y), w.Outputs);

    /// <summary>y = or += x Wᵀ, rows of y <paramref name="stride"/> elements apart.</summary>
    internal void Forward(ArrayView<float> x, ArrayView<float> w, int rows, int outputs, int inputs, Into into, ArrayView<float> y, int stride)
    {
        MatMulCall call = Call(rows, outputs, inputs, inputs, inputs, stride, into);
        if (rows > MaxFewRows || _settings.Cublas is not null) Multiply(MatMulProduct.Forward, x, w, y, call);
        else if (rows > 0 && outputs > 0) MultiplyFewRows(x, w, y, call);
    }

    protected override void BackwardInputCore(Tensor dy, Weight w, Into into, Tensor dx) =>
        BackwardInput(_gpu.View<float>(dy), w.Outputs, _gpu.View<float>(w.Value), dy.Shape.D0, w.Outputs, w.Inputs, into, _gpu.View<float>(dx));

    /// <summary>dx = or += dy W, rows of dy <paramref name="stride"/> elements apart.</summary>
    internal void BackwardInput(ArrayView<float> dy, int stride, ArrayView<float> w, int rows, int outputs, int inputs, Into into, ArrayView<float> dx) =>
        Multiply(MatMulProduct.BackwardInput, dy, w, dx, Call(rows, inputs, outputs, stride, inputs, inputs, into));

    protected override void BackwardWeightCore(Tensor dy, Tensor x, Into into, Tensor dWeight) =>
        BackwardWeight(_gpu.View<float>(dy), dWeight.Shape.D0, _gpu.View<float>(x), x.Shape.D0, dWeight.Shape.D0, dWeight.Shape.D1, into,
            _gpu.View<float>(dWeight));

    /// <summary>dWeight = or += dyᵀ x, rows of dy <paramref name="stride"/> elements apart.</summary>
    internal void BackwardWeight(ArrayView<float> dy, int stride, ArrayView<float> x, int rows, int outputs, int inputs, Into into, ArrayView<float> dWeight) =>
        Multiply(MatMulProduct.BackwardWeight, dy, x, dWeight, Call(outputs, inputs, rows, stride, inputs, inputs, into));

    void Multiply(MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call)
    {
        if (call.Rows == 0 || call.Columns == 0) return;
        if (_settings.Cublas is { } cublas && call.Depth > 0)
        {
            bool isFew = product == MatMulProduct.Forward && call.Rows <= MaxFewRows;
            cublas.Multiply(CublasCall.Of(product, call), a, b, c, isFew ? ComputePrecision.F32 : _settings.Precision);
            return;
        }
        call.VectorsA = AreFours(a, call.StrideA, product == MatMulProduct.BackwardWeight ? call.Rows : call.Depth) ? 1 : 0;
        call.VectorsB = AreFours(b, call.StrideB, product == MatMulProduct.Forward ? call.Depth : call.Columns) ? 1 : 0;
        int choice = TileOf(product, a, b, c, call);
        try
        {
            _tiles[choice].Launch(_gpu, product, a, b, c, call);
        }
        catch (InsufficientMemoryException) when (choice >= _directTiles && _directTiles > 0)
        {
            int other = FillingTile(call.Rows, call.Columns);
            _settings.Tuner?.Say(KeyOf(product, call.Rows, call.Columns, call.Depth),
                $"there is no memory for what {_tileNames[choice]} needs beside its operands; {_tileNames[other]} multiplies instead.");
            _tiles[other].Launch(_gpu, product, a, b, c, call);
        }
    }

    void MultiplyFewRows(ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, MatMulCall call)
    {
        (call.VectorsA, call.VectorsB) = (AreFours(x, call.StrideA, call.Depth) ? 1 : 0, AreFours(w, call.StrideB, call.Depth) ? 1 : 0);
        int choice = 0;
        if (_settings.Tuner is { } tuner && _fewRows.Length > 1)
        {
            var key = TuningKey.Of("few-rows", "f32", call.Rows, call.Columns, call.Depth);
            if (!tuner.TryGet(key, out choice)) choice = TuneFewRows(tuner, key, x, w, y, call);
        }
        LaunchFewRows(choice, x, w, y, call);
    }

    int TileOf(MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call)
    {
        if (_settings.Tuner is not { } tuner || _tiles.Length == 1) return FillingTile(call.Rows, call.Columns);
        TuningKey key = KeyOf(product, call.Rows, call.Columns, call.Depth);
        return tuner.TryGet(key, out int choice) ? choice : Tune(tuner, key, product, a, b, c, call);
    }

    TuningKey KeyOf(MatMulProduct product, int rows, int columns, int depth) =>
        TuningKey.Of(ProductNames[(int)product], _settings.Name, rows, columns, depth);

    /// <summary>The largest tile that gives every multiprocessor a block, else the smallest; of those that need no memory.</summary>
    int FillingTile(int rows, int columns)
    {
        for (int i = 0; i < _directTiles; i++)
            if (_tiles[i].BlockCount(rows, columns) >= _gpu.Accelerator.NumMultiprocessors) return i;
        return Math.Max(_directTiles - 1, 0);
    }

    int Tune(Tuner tuner, TuningKey key, MatMulProduct product, ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, MatMulCall call)
    {
        using MemoryBuffer? trial = TrialResult(c);
        if (trial is null) return tuner.Untuned(key, FillingTile(call.Rows, call.Columns));
        ArrayView<float> to = new(trial, 0, c.Length);
        return tuner.Choose(key, _tileNames, i => _tiles[i].Launch(_gpu, product, a, b, to, call), WhyNot);

        string? WhyNot(int tile)
        {
            try
            {
                using MemoryBuffer expected = _gpu.AllocateRaw(c.LengthInBytes, "a result to compare with");
                ArrayView<float> first = new(expected, 0, c.Length);
                // What a product is added to, and what lies between the rows of c.
                _gpu.Driver.Clear(first);
                _gpu.Driver.Clear(to);
                _tiles[0].Launch(_gpu, product, a, b, first, call);
                _tiles[tile].Launch(_gpu, product, a, b, to, call);
                var (difference, magnitude) = _comparison.Of(first, to);
                // A float32 sum of so many terms may err by a unit in the last place for each, whatever its order.
                float most = call.Depth * MathF.ScaleB(magnitude, -23);
                return difference <= most ? null : $"its result differs by {difference} from that of {_tileNames[0]}, whose greatest is {magnitude}";
            }
            catch (DeviceException e) when (!e.IsLackOfMemory)
            {
                // A tile that the driver refuses is one thing, a device that is lost is another: the choice would be made of what is left.
                _gpu.Driver.Synchronize();
                return e.InnerException is { } refusal ? DriverErrors.ReasonOf(refusal) : e.Message;
            }
        }
    }

    int TuneFewRows(Tuner tuner, TuningKey key, ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, MatMulCall call)
    {
        using MemoryBuffer? trial = TrialResult(y);
        if (trial is null) return tuner.Untuned(key, choice: 0);
        ArrayView<float> to = new(trial, 0, y.Length);
        return tuner.Choose(key, _fewRowsNames, i => LaunchFewRows(i, x, w, to, call));
    }

    // A product that is added to its result must not run twice on it. Null where the device has no memory left: no plan counts this, and a run
    // that fits without is to go on, untuned.
    MemoryBuffer? TrialResult(ArrayView<float> c) => _gpu.TryAllocateRaw(c.LengthInBytes, "a result of tuning");

    void LaunchFewRows(int choice, ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, MatMulCall call)
    {
        DeviceKernel<Launch> kernel = _fewRows[choice];
        int outputsOfGroup = Math.Max(kernel.GroupSize / Lanes, 1);
        kernel.Launch(_gpu.Stream, new KernelConfig((call.Columns + outputsOfGroup - 1) / outputsOfGroup, kernel.GroupSize), x, w, y, call);
    }

    static MatMulCall Call(int rows, int columns, int depth, int strideA, int strideB, int strideC, Into into) => new()
    {
        Rows = rows, Columns = columns, Depth = depth, StrideA = strideA, StrideB = strideB, StrideC = strideC, Add = into == Into.Add ? 1 : 0,
    };

    /// <summary>Whether a factor can be read in fours along its contiguous axis of <paramref name="length"/> elements.</summary>
    static bool AreFours(ArrayView<float> factor, int stride, int length) =>
        factor.LoadEffectiveAddressAsPtr() % 16 == 0 && stride % 4 == 0 && length % 4 == 0;

    /// <summary>
    /// y = or += x Wᵀ for at most <see cref="MaxFewRows"/> rows: <see cref="Lanes"/> threads an output stride over its weights, which are
    /// read once, in fours where both factors lie so; their sums are added in a tree.
    /// </summary>
    internal static void FewRows(ArrayView<float> x, ArrayView<float> w, ArrayView<float> y, MatMulCall call)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads * MaxFewRows);
        ArrayView<float> sums = LocalMemory.Allocate<float>(MaxFewRows);
        int lanes = Group.DimX < Lanes ? Group.DimX : Lanes, lane = Group.IdxX % lanes;
        int output = Grid.IdxX * (Group.DimX / lanes) + Group.IdxX / lanes;
        for (int row = 0; row < MaxFewRows; row++) sums[row] = 0;
        if (output < call.Columns && call.VectorsA != 0 && call.VectorsB != 0)
        {
            ArrayView<Float4> weights = w.Cast<Float4>(), values = x.Cast<Float4>();
            for (int k = lane; k < call.Depth / 4; k += lanes)
            {
                Float4 weight = weights[(long)output * (call.StrideB / 4) + k];
                for (int row = 0; row < MaxFewRows; row++)
                {
                    if (row < call.Rows)
                    {
                        Float4 value = values[(long)row * (call.StrideA / 4) + k];
                        sums[row] += weight.X * value.X + weight.Y * value.Y + weight.Z * value.Z + weight.W * value.W;
                    }
                }
            }
        }
        else if (output < call.Columns)
        {
            for (int k = lane; k < call.Depth; k += lanes)
            {
                float weight = w[(long)output * call.StrideB + k];
                for (int row = 0; row < MaxFewRows; row++)
                    if (row < call.Rows) sums[row] += weight * x[(long)row * call.StrideA + k];
            }
        }
        GroupSums.SumNeighbours(sums, MaxFewRows, lanes, shared);
        if (lane != 0 || output >= call.Columns) return;
        for (int row = 0; row < call.Rows; row++)
        {
            long at = (long)row * call.StrideC + output;
            float sum = shared[row * GroupSums.MaxThreads + Group.IdxX];
            if (call.Add != 0) sum += y[at];
            y[at] = sum;
        }
    }
}
