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
static unsafe class LowPrecisionProducts<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Maps that one run takes.</summary>
    public const int MaxMaps = 4;

    // Prepared inputs that stay in the second cache while the weights pass.
    const int BlockBytes = 256 * 1024;

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
        PackedWeight first = weights[0].Packed!;
        int rows = x.Shape.D0;
        if (rows == 0) return;
        var job = new Job { Emitted = tiles, Form = first.Form, Into = into, TileOutputs = tiles?.Outputs ?? 2 * TVector.Count };
        long total = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            job.Maps[i] = MapOf(weights[i].Packed!, outputs[i], job.TileOutputs, job.Tiles);
            job.Tiles = job.Maps[i].EndTile;
            total += (long)weights[i].Outputs * weights[i].Inputs;
        }
        job.X = LowPrecisionInputs.Prepare<TVector>(pool, x.HostPointer<float>(), rows, first.Inputs, first.Form, tiles);
        job.Parts = Split.Parts(total * job.X.PanelCount, LeastPartWeights, pool.ThreadCount);
        // The job lies on this stack until every part is done, and the collector follows the reference in it.
        pool.Run(job.Parts, &Part, Unsafe.AsPointer(ref job));
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
        float* sums = stackalloc float[LowPrecisionInputs.PortableRows * 2 * TVector.Count];
        int blockPanels = Math.Max(BlockBytes / (job.X.PanelRows * job.X.RowBytes), 1);
        for (int panel = 0; panel < job.X.PanelCount; panel += blockPanels)
        {
            int endPanel = Math.Min(panel + blockPanels, job.X.PanelCount), map = 0;
            for (int tile = (int)first; tile < end; tile++)
            {
                while (tile >= job.Maps[map].EndTile) map++;
                Column(job, job.Maps[map], tile, panel, endPanel, sums);
            }
        }
    }

    /// <summary>A tile's outputs for some panels of rows.</summary>
    static void Column(in Job job, in Map map, int tile, int panel, int endPanel, float* sums)
    {
        int output = (tile - map.FirstTile) * job.TileOutputs, columns = Math.Min(job.TileOutputs, map.Outputs - output);
        int firstPanel = panel, panels = endPanel - panel;
        byte* w = At(map, output);
        for (; panel < endPanel; panel++)
        {
            // One panel reads a little ahead; of several, each starts its share of the next group.
            byte* next = panels == 1 ? w + NearAhead : w + map.GroupBytes * (long)(panels + panel - firstPanel) / panels;
            if (job.Emitted is not null) Multiply(job, map, panel, output, columns, w, next, StepBytes / 2 / panels);
            else MultiplyPortably(job, map, panel, output, columns, new(next, StepBytes / 2 / panels), sums);
        }
    }

    [SkipLocalsInit]
    static void Multiply(in Job job, in Map map, int panel, int output, int columns, byte* w, byte* next, long ahead)
    {
        int row = panel * job.X.PanelRows;
        PackedTileCall call;
        call.X = job.X.Panels + (long)row * job.X.RowBytes;
        call.W = w;
        call.Y = map.Y + (long)row * map.Outputs + output;
        call.StrideBytes = map.Outputs * (long)sizeof(float);
        call.Steps = job.Form == WeightForm.Int4 ? job.X.Blocks : job.X.Steps;
        call.Offsets = job.X.Offsets + (long)row * job.X.Blocks;
        call.RowScales = job.X.Scales + row;
        call.Scales = job.Form == WeightForm.Int4 ? BlockScales(map, output) : (float*)map.Scales + output;
        call.Next = next;
        call.Ahead = ahead;
        call.Add = job.Into == Into.Add ? 1 : 0;
        call.Masks = uint.MaxValue >> (PackedWeight.GroupOutputs - columns);
        if (job.TileOutputs == PackedTileCall.MaskedLanes && columns < job.TileOutputs)
            for (int lane = 0; lane < PackedTileCall.MaskedLanes; lane++) call.LaneMasks[lane] = lane < columns ? -1 : 0;
        job.Emitted!.Run(job.X.Height(panel), &call);
    }

    /// <summary>Two vectors of outputs.</summary>
    static void MultiplyPortably(in Job job, in Map map, int panel, int output, int columns, LowPrecisionTiles<TVector>.Ahead ahead, float* sums)
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
            Put(from, columns, job.Into, map.Y + (long)(row + i) * map.Outputs + output);
        }
    }

    static void Sums(in Job job, in Map map, int panel, int output, int second, LowPrecisionTiles<TVector>.Ahead ahead, float* sums)
    {
        int row = panel * job.X.PanelRows, steps = job.X.Steps;
        bool isSingle = job.X.Height(panel) == 1;
        byte* x = job.X.Panels + (long)row * job.X.RowBytes, w0 = At(map, output), w1 = At(map, second);
        int* offsets = job.X.Offsets + (long)row * job.X.Blocks;
        switch (job.Form)
        {
            case WeightForm.BF16:
                if (isSingle) LowPrecisionTiles<TVector>.BF16Row((float*)x, w0, w1, StepBytes, steps, ahead, sums);
                else LowPrecisionTiles<TVector>.BF16Rows((float*)x, w0, w1, StepBytes, steps, ahead, sums);
                break;
            case WeightForm.Int8:
                if (isSingle) LowPrecisionTiles<TVector>.Int8Row((int*)x, *offsets, w0, w1, StepBytes, steps, ahead, sums);
                else LowPrecisionTiles<TVector>.Int8Rows((int*)x, offsets, w0, w1, StepBytes, steps, ahead, sums);
                break;
            default:
                ushort* scales0 = BlockScales(map, output), scales1 = BlockScales(map, second);
                if (isSingle) LowPrecisionTiles<TVector>.Int4Row((int*)x, offsets, w0, w1, scales0, scales1, StepBytes, job.X.Blocks, ahead, sums);
                else LowPrecisionTiles<TVector>.Int4Rows((int*)x, offsets, w0, w1, scales0, scales1, StepBytes, job.X.Blocks, ahead, sums);
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
        public int Outputs, GroupBytes, GroupScales, FirstTile, EndTile;
    }

    [InlineArray(MaxMaps)]
    struct MapList
    {
        Map _first;
    }

    struct Job
    {
        public LowPrecisionInputs X;
        public MapList Maps;
        public PackedTiles? Emitted;
        public WeightForm Form;
        public Into Into;
        public int TileOutputs, Tiles, Parts;
    }
}
