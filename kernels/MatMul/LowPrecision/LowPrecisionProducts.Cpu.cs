using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// y[rows, outputs] = or += x Wᵀ with packed weights, of one map or of several that share their input, in one run of the pool.
/// Split: by vectors of outputs over all maps; so an element's bits depend neither on the threads nor on the other rows.
/// Memory: the weights are read once for every <see cref="BlockRows"/> rows, front to back; inputs come from the caches.
/// Bound: memory for few rows, arithmetic for many. Sums: for bfloat16 weights float32, fused, in order of the inputs; for int8 exact in
/// int32; for int4 exact within 32 inputs, then float32 in order.
/// </summary>
static unsafe class LowPrecisionProducts<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Maps that one run takes.</summary>
    public const int MaxMaps = 4;

    // Rows whose prepared inputs (512 KiB at 1,024 float32) stay in the second cache while the weights pass.
    const int BlockRows = 128;

    // Least weights of a part, times panels: a few microseconds of reading, about what a run of the pool costs.
    const long LeastPartWeights = 32 * 1024;

    // Bytes: about what arrives in the time of one access to memory.
    const int NearAhead = 2048;

    static int TileOutputs => 2 * TVector.Count;

    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="weights">1 … <see cref="MaxMaps"/> packed maps of one form and one number of inputs.</param>
    /// <param name="outputs">A tensor float32 [rows, outputs of the map] for each.</param>
    public static void Multiply(ComputePool pool, Tensor x, ReadOnlySpan<Weight> weights, Into into, ReadOnlySpan<Tensor> outputs)
    {
        PackedWeight first = weights[0].Packed!;
        int rows = x.Shape.D0;
        if (rows == 0) return;
        var job = new Job { Form = first.Form, Into = into };
        long total = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            job.Maps[i] = MapOf(weights[i].Packed!, outputs[i], job.Tiles);
            job.Tiles = job.Maps[i].EndTile;
            total += (long)weights[i].Outputs * weights[i].Inputs;
        }
        job.X = LowPrecisionInputs.Prepare<TVector>(pool, x.HostPointer<float>(), rows, first.Inputs, first.Form);
        job.Parts = Split.Parts(total * job.X.PanelCount, LeastPartWeights, pool.ThreadCount);
        pool.Run(job.Parts, &Part, &job);
    }

    static Map MapOf(PackedWeight weight, Tensor y, int firstTile) => new()
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
        EndTile = checked(firstTile + (weight.Outputs + TileOutputs - 1) / TileOutputs),
    };

    [SkipLocalsInit]
    static void Part(void* context, int part, int thread)
    {
        ref Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Tiles, part, job.Parts);
        float* sums = stackalloc float[LowPrecisionInputs.PanelRows * TileOutputs];
        const int BlockPanels = BlockRows / LowPrecisionInputs.PanelRows;
        for (int panel = 0; panel < job.X.PanelCount; panel += BlockPanels)
        {
            int endPanel = Math.Min(panel + BlockPanels, job.X.PanelCount), map = 0;
            for (int tile = (int)first; tile < end; tile++)
            {
                while (tile >= job.Maps[map].EndTile) map++;
                Column(job, job.Maps[map], tile, panel, endPanel, sums);
            }
        }
    }

    /// <summary>Two vectors of outputs for some panels of rows.</summary>
    static void Column(in Job job, in Map map, int tile, int panel, int endPanel, float* sums)
    {
        int output = (tile - map.FirstTile) * TileOutputs, columns = Math.Min(TileOutputs, map.Outputs - output);
        // Where the second vector does not exist, the first is taken twice and its sums are dropped.
        int second = columns > TVector.Count ? output + TVector.Count : output;
        byte* w0 = At(map, job.Form, output), w1 = At(map, job.Form, second);
        int firstPanel = panel, panels = endPanel - panel;
        long stride = StepBytes(job.Form) / panels;
        for (; panel < endPanel; panel++)
        {
            bool isSingle = job.X.IsSingle(panel);
            // One panel reads a little ahead; of several, each starts its share of the next group.
            byte* next = panels == 1 ? w0 + NearAhead : w0 + map.GroupBytes * (long)(panels + panel - firstPanel) / panels;
            Sums(job, map, panel, isSingle, output, second, w0, w1, new(next, stride), sums);
            int row = panel * LowPrecisionInputs.PanelRows, rows = Math.Min(LowPrecisionInputs.PanelRows, job.X.Rows - row);
            for (int i = 0; i < rows; i++)
            {
                float* from = sums + i * TileOutputs;
                if (job.Form == WeightForm.Int8) Scale(from, job.X.Scales[row + i], (float*)map.Scales + output, (float*)map.Scales + second);
                else if (job.Form == WeightForm.Int4) Scale(from, job.X.Scales[row + i]);
                Put(from, columns, job.Into, map.Y + (long)(row + i) * map.Outputs + output);
            }
        }
    }

    static void Sums(in Job job, in Map map, int panel, bool isSingle, int output, int second, byte* w0, byte* w1, LowPrecisionTiles<TVector>.Ahead ahead, float* sums)
    {
        long start = (long)panel * LowPrecisionInputs.PanelRows * job.X.Padded;
        int steps = job.X.Padded / 2;
        switch (job.Form)
        {
            case WeightForm.BF16:
                float* floats = (float*)job.X.Panels + start;
                if (isSingle) LowPrecisionTiles<TVector>.BF16Row(floats, w0, w1, StepBytes(job.Form), steps, ahead, sums);
                else LowPrecisionTiles<TVector>.BF16Rows(floats, w0, w1, StepBytes(job.Form), steps, ahead, sums);
                break;
            case WeightForm.Int8:
                int* pairs = (int*)job.X.Panels + start / 2;
                if (isSingle) LowPrecisionTiles<TVector>.Int8Row(pairs, w0, w1, StepBytes(job.Form), steps, ahead, sums);
                else LowPrecisionTiles<TVector>.Int8Rows(pairs, w0, w1, StepBytes(job.Form), steps, ahead, sums);
                break;
            default:
                int* blocks = (int*)job.X.Panels + start / 2, offsets = job.X.Offsets + (long)panel * LowPrecisionInputs.PanelRows * job.X.Blocks;
                ushort* scales0 = BlockScales(map, output), scales1 = BlockScales(map, second);
                if (isSingle) LowPrecisionTiles<TVector>.Int4Row(blocks, offsets, w0, w1, scales0, scales1, StepBytes(job.Form), job.X.Blocks, ahead, sums);
                else LowPrecisionTiles<TVector>.Int4Rows(blocks, offsets, w0, w1, scales0, scales1, StepBytes(job.Form), job.X.Blocks, ahead, sums);
                break;
        }
    }

    static byte* At(in Map map, WeightForm form, int output) =>
        map.Data + output / PackedWeight.GroupOutputs * (long)map.GroupBytes + output % PackedWeight.GroupOutputs * LaneBytes(form);

    static ushort* BlockScales(in Map map, int output) =>
        (ushort*)map.Scales + output / PackedWeight.GroupOutputs * (long)map.GroupScales + output % PackedWeight.GroupOutputs;

    static int LaneBytes(WeightForm form) => form == WeightForm.Int8 ? 2 : 4;

    static int StepBytes(WeightForm form) => PackedWeight.GroupOutputs * LaneBytes(form);

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
        public WeightForm Form;
        public Into Into;
        public int Tiles, Parts;
    }
}
