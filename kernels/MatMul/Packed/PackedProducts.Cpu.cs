using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// y[rows, outputs] = or += x Wᵀ with packed weights, of one map or of several that share their input, in one run of the pool.
/// Split: by vectors of outputs over all maps; so an element's bits depend neither on the threads nor on the other rows.
/// Memory: the weights are read once for every block of rows whose inputs fit the second cache, front to back; inputs come from the caches.
/// Bound: memory for few rows, arithmetic for many. Inputs: for int8 and int4 rounded to 8 bits a row; for bfloat16 weights to bfloat16
/// where the chosen kernels multiply such pairs, else float32. Sums: for bfloat16 weights float32, fused, in order of the inputs; for int8 exact
/// in int32; for int4 exact within 32 inputs, then float32 in order. Emitted tiles where there are some, else portable loops, which for whole
/// numbers give the same bits.
/// </summary>
static unsafe class PackedProducts<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Maps that one run takes.</summary>
    public const int MaxMaps = 4;

    // Prepared inputs that stay in the second cache while the weights pass: of 1 MiB 256 KiB.
    static readonly long BlockBytes = ProcessorCaches.Machine.Second.Bytes / 4;

    // Least weights of a part, times panels: a few microseconds of reading, about what a run of the pool costs.
    const long LeastPartWeights = 32 * 1024;

    // Bytes: about what arrives in the time of one access to memory.
    const int NearAhead = 4096;

    // A step's part of a group, in every form.
    const int LaneBytes = 4, StepBytes = PackedWeight.GroupOutputs * LaneBytes;

    /// <param name="tiles">Of the weights' form; null for portable loops.</param>
    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="weights">1 … <see cref="MaxMaps"/> packed maps of one form and one number of inputs.</param>
    /// <param name="outputs">A tensor float32 [rows, outputs of the map] for each.</param>
    public static void Multiply(ComputePool pool, PackedTiles? tiles, Tensor x, ReadOnlySpan<Weight> weights, Into into, ReadOnlySpan<Tensor> outputs)
    {
        tiles = tiles?.ForRows(x.Shape.D0);
        var job = new Job { Emitted = tiles, Form = weights[0].Form, Into = into, TileOutputs = TileOutputs(tiles) };
        for (int i = 0; i < weights.Length; i++)
        {
            job.Maps[i] = MapOf(weights[i].Packed!, outputs[i], job.TileOutputs, job.Tiles);
            job.Tiles = job.Maps[i].EndTile;
            job.Weights += (long)weights[i].Outputs * weights[i].Inputs;
        }
        Run(pool, ref job, x, &Part);
    }

    /// <summary>y = gelu(x gateᵀ) · (x upᵀ): a tile of each product stays in the first cache until they are one.</summary>
    /// <param name="gate">Packed in the form of the tiles, as <paramref name="up"/> is, of the same shape.</param>
    /// <param name="y">float32 [rows, outputs]; overwritten.</param>
    public static void MultiplyGated(ComputePool pool, PackedTiles? tiles, Tensor x, Weight gate, Weight up, Tensor y)
    {
        tiles = tiles?.ForRows(x.Shape.D0);
        int tileOutputs = TileOutputs(tiles);
        var job = new Job { Emitted = tiles, Form = gate.Form, Into = Into.Overwrite, TileOutputs = tileOutputs, Weights = 2L * gate.Outputs * gate.Inputs };
        (job.Maps[0], job.Maps[1]) = (MapOf(gate.Packed!, y, tileOutputs, 0), MapOf(up.Packed!, y, tileOutputs, 0));
        job.Tiles = job.Maps[0].EndTile;
        Run(pool, ref job, x, &GatedPart);
    }

    static int TileOutputs(PackedTiles? tiles) => tiles?.Outputs ?? 2 * TVector.Count;

    static void Run(ComputePool pool, ref Job job, Tensor x, delegate*<void*, int, int, void> part)
    {
        if (x.Shape.D0 == 0) return;
        job.X = PackedInputs.Prepare<TVector>(pool, x.HostPointer<float>(), x.Shape.D0, x.Shape.D1, job.Form, job.Emitted);
        job.Parts = Split.Parts(job.Weights * job.X.PanelCount, LeastPartWeights, pool.ThreadCount);
        // The job lies on its caller's stack until every part is done, and the collector follows the reference in it.
        pool.Run(job.Parts, part, Unsafe.AsPointer(ref job));
    }

    static Map MapOf(PackedWeight weight, Tensor y, int tileOutputs, int firstTile) => new()
    {
        Data = weight.Data.HostPointer<byte>(),
        Scales = weight.Form switch
        {
            WeightForm.Int8 => weight.Scales.HostPointer<float>(),
            WeightForm.Int4 => weight.Scales.HostPointer<ushort>(),
            _ => null,
        },
        Y = y.HostPointer<float>(),
        Stride = weight.Outputs,
        Outputs = weight.Outputs,
        GroupBytes = weight.Data.Shape.D1,
        GroupScales = weight.Scales.IsAbsent ? 0 : weight.Scales.Shape.D1,
        FirstTile = firstTile,
        EndTile = checked(firstTile + (weight.Outputs + tileOutputs - 1) / tileOutputs),
    };

    [SkipLocalsInit]
    static void Part(void* context, int part, int thread)
    {
        ref Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Tiles, part, job.Parts);
        float* sums = stackalloc float[PackedInputs.PortableRows * 2 * TVector.Count];
        int blockPanels = job.BlockPanels;
        for (int panel = 0; panel < job.X.PanelCount; panel += blockPanels)
        {
            int endPanel = Math.Min(panel + blockPanels, job.X.PanelCount), map = 0;
            for (int tile = (int)first; tile < end; tile++)
            {
                while (tile >= job.Maps[map].EndTile) map++;
                for (int i = panel; i < endPanel; i++) Tile(job, job.Maps[map], tile, i, panel, endPanel, sums);
            }
        }
    }

    [SkipLocalsInit]
    static void GatedPart(void* context, int part, int thread)
    {
        ref Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Tiles, part, job.Parts);
        float* sums = stackalloc float[PackedInputs.PortableRows * 2 * TVector.Count];
        float* gate = stackalloc float[2 * job.X.PanelRows * job.TileOutputs], up = gate + job.X.PanelRows * job.TileOutputs;
        for (int start = 0; start < job.X.PanelCount; start += job.BlockPanels)
        {
            int endPanel = Math.Min(start + job.BlockPanels, job.X.PanelCount);
            for (int tile = (int)first; tile < end; tile++)
                for (int panel = start; panel < endPanel; panel++)
                {
                    GatedTile(job, job.Maps[0], tile, panel, start, endPanel, gate, sums);
                    GatedTile(job, job.Maps[1], tile, panel, start, endPanel, up, sums);
                    int row = panel * job.X.PanelRows, rows = Math.Min(job.X.PanelRows, job.X.Rows - row), output = tile * job.TileOutputs;
                    GatedGeluCpu<TVector>.Multiply(gate, up, gate, rows * job.TileOutputs);
                    int columns = Math.Min(job.TileOutputs, job.Maps[0].Outputs - output);
                    float* y = job.Maps[0].Y + (long)row * job.Maps[0].Stride + output;
                    for (int i = 0; i < rows; i++, y += job.Maps[0].Stride)
                        new ReadOnlySpan<float>(gate + i * job.TileOutputs, columns).CopyTo(new(y, columns));
                }
        }
    }

    /// <summary>A panel's rows of a tile, as float32 [rows, outputs of a tile].</summary>
    /// <inheritdoc cref="Tile"/>
    static void GatedTile(in Job job, Map map, int tile, int panel, int firstPanel, int endPanel, float* to, float* sums)
    {
        map.Stride = job.TileOutputs;
        map.Y = to - (long)panel * job.X.PanelRows * map.Stride - tile * job.TileOutputs;
        Tile(job, map, tile, panel, firstPanel, endPanel, sums);
    }

    /// <summary>A tile's outputs for a panel of rows.</summary>
    /// <param name="firstPanel">First of the panels that take these weights one after the other.</param>
    /// <param name="endPanel">End of these panels.</param>
    static void Tile(in Job job, in Map map, int tile, int panel, int firstPanel, int endPanel, float* sums)
    {
        int output = (tile - map.FirstTile) * job.TileOutputs, columns = Math.Min(job.TileOutputs, map.Outputs - output);
        int lane = output % PackedWeight.GroupOutputs, panels = endPanel - firstPanel;
        int calls = PackedWeight.GroupOutputs / job.TileOutputs * panels, call = lane / job.TileOutputs * panels + panel - firstPanel;
        byte* w = At(map, output);
        // The only call of a group reads a little ahead; of several, each starts its share of the next group, so that memory never waits.
        byte* next = calls == 1 ? w + NearAhead : At(map, output - lane) + map.GroupBytes * (long)(calls + call) / calls;
        if (job.Emitted is not null) Multiply(job, map, panel, output, columns, w, next, StepBytes / 2 / calls);
        else MultiplyPortably(job, map, panel, output, columns, new(next, StepBytes / 2 / calls), sums);
    }

    [SkipLocalsInit]
    static void Multiply(in Job job, in Map map, int panel, int output, int columns, byte* w, byte* next, long ahead)
    {
        int row = panel * job.X.PanelRows;
        PackedTileCall call;
        call.X = job.X.Panels + (long)row * job.X.RowBytes;
        call.W = w;
        call.Y = map.Y + (long)row * map.Stride + output;
        call.StrideBytes = map.Stride * sizeof(float);
        call.Steps = job.Form == WeightForm.Int4 ? job.X.Blocks : job.X.Steps;
        call.Offsets = job.X.Offsets + (long)row * job.X.Blocks;
        call.RowScales = job.X.Scales + row;
        call.Scales = job.Form == WeightForm.Int4 ? BlockScales(map, output) : (float*)map.Scales + output;
        call.Next = next;
        call.Ahead = ahead;
        call.Add = job.Into == Into.Add ? 1 : 0;
        call.Masks = uint.MaxValue >> (PackedWeight.GroupOutputs - columns);
        if (columns < job.TileOutputs && job.Emitted!.MasksLanes)
            for (int lane = 0; lane < job.TileOutputs; lane++) call.LaneMasks[lane] = lane < columns ? -1 : 0;
        job.Emitted!.Run(job.X.Height(panel), &call);
    }

    /// <summary>Two vectors of outputs.</summary>
    static void MultiplyPortably(in Job job, in Map map, int panel, int output, int columns, PortablePackedTiles<TVector>.Ahead ahead, float* sums)
    {
        // Where the second vector does not exist, the first is taken twice and its sums are dropped.
        int second = columns > TVector.Count ? output + TVector.Count : output;
        Sums(job, map, panel, output, second, ahead, sums);
        int row = panel * job.X.PanelRows, rows = Math.Min(job.X.PanelRows, job.X.Rows - row);
        for (int i = 0; i < rows; i++)
        {
            float* from = sums + i * job.TileOutputs;
            if (job.Form == WeightForm.Int8) Scale(from, job.X.Scales[row + i], (float*)map.Scales + output, (float*)map.Scales + second);
            else if (job.Form == WeightForm.Int4) Scale(from, job.X.Scales[row + i]);
            Put(from, columns, job.Into, map.Y + (long)(row + i) * map.Stride + output);
        }
    }

    static void Sums(in Job job, in Map map, int panel, int output, int second, PortablePackedTiles<TVector>.Ahead ahead, float* sums)
    {
        int row = panel * job.X.PanelRows, steps = job.X.Steps;
        bool isSingle = job.X.Height(panel) == 1;
        byte* x = job.X.Panels + (long)row * job.X.RowBytes, w0 = At(map, output), w1 = At(map, second);
        int* offsets = job.X.Offsets + (long)row * job.X.Blocks;
        switch (job.Form)
        {
            case WeightForm.BF16:
                if (isSingle) PortablePackedTiles<TVector>.BF16Row((float*)x, w0, w1, StepBytes, steps, ahead, sums);
                else PortablePackedTiles<TVector>.BF16Rows((float*)x, w0, w1, StepBytes, steps, ahead, sums);
                break;
            case WeightForm.Int8:
                if (isSingle) PortablePackedTiles<TVector>.Int8Row((int*)x, *offsets, w0, w1, StepBytes, steps, ahead, sums);
                else PortablePackedTiles<TVector>.Int8Rows((int*)x, offsets, w0, w1, StepBytes, steps, ahead, sums);
                break;
            default:
                ushort* scales0 = BlockScales(map, output), scales1 = BlockScales(map, second);
                if (isSingle) PortablePackedTiles<TVector>.Int4Row((int*)x, offsets, w0, w1, scales0, scales1, StepBytes, job.X.Blocks, ahead, sums);
                else PortablePackedTiles<TVector>.Int4Rows((int*)x, offsets, w0, w1, scales0, scales1, StepBytes, job.X.Blocks, ahead, sums);
                break;
        }
    }

    static byte* At(in Map map, int output) =>
        map.Data + output / PackedWeight.GroupOutputs * (long)map.GroupBytes + output % PackedWeight.GroupOutputs * LaneBytes;

    static ushort* BlockScales(in Map map, int output) =>
        (ushort*)map.Scales + output / PackedWeight.GroupOutputs * (long)map.GroupScales + output % PackedWeight.GroupOutputs;

    static void Scale(float* sums, float row, float* scales0, float* scales1)
    {
        TVector factor = TVector.Broadcast(row);
        TVector.Store(TVector.Load(sums) * (factor * TVector.Load(scales0)), sums);
        TVector.Store(TVector.Load(sums + TVector.Count) * (factor * TVector.Load(scales1)), sums + TVector.Count);
    }

    static void Scale(float* sums, float row)
    {
        TVector factor = TVector.Broadcast(row);
        TVector.Store(TVector.Load(sums) * factor, sums);
        TVector.Store(TVector.Load(sums + TVector.Count) * factor, sums + TVector.Count);
    }

    static void Put(float* sums, int columns, Into into, float* y)
    {
        int i = 0;
        for (; i + TVector.Count <= columns; i += TVector.Count)
            TVector.Store(into == Into.Add ? TVector.Load(y + i) + TVector.Load(sums + i) : TVector.Load(sums + i), y + i);
        for (; i < columns; i++) y[i] = into == Into.Add ? y[i] + sums[i] : sums[i];
    }

    struct Map
    {
        public byte* Data;
        public void* Scales;
        public float* Y;
        public long Stride;
        public int Outputs, GroupBytes, GroupScales, FirstTile, EndTile;
    }

    [InlineArray(MaxMaps)]
    struct MapList
    {
        Map _first;
    }

    struct Job
    {
        public PackedInputs X;
        public MapList Maps;
        public PackedTiles? Emitted;
        public WeightForm Form;
        public Into Into;
        public int TileOutputs, Tiles, Parts;
        public long Weights;

        /// <summary>Panels whose inputs stay in the second cache.</summary>
        public readonly int BlockPanels => (int)Math.Max(BlockBytes / ((long)X.PanelRows * X.RowBytes), 1);
    }
}
