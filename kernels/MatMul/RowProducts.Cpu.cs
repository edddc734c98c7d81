using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// y[rows, outputs] = or += x Wᵀ for the few rows of decoding, as dot products along the inputs: nothing is packed. One map, or several that
/// share their input. Split: by outputs over all maps. Memory: the weights are read once, front to back; further rows find them in the first
/// cache. Bound: bandwidth. Sums: float32, fused, two vectors of partial sums an element, halved at the end, then the tail in order; an
/// element's bits depend neither on the threads nor on the other rows and outputs.
/// </summary>
static unsafe class RowProducts<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Rows up to which a product takes this path: 16 rows run twice as fast as packed ones, 32 rows about as fast.</summary>
    public const int MaxRows = 16;

    // Rows, and outputs, whose dot products run side by side: sixteen sums hide the latency of a multiply-add, and eight loads feed eight of them.
    const int PanelRows = 4, PanelOutputs = 2;

    // Bytes by which reads are started early: about what arrives in the time of one access to memory.
    const int Ahead = 2048;

    // Least weights of a part, 128 KiB: a few microseconds of reading, about what a run of the pool costs.
    const long LeastPartWeights = 32 * 1024;

    /// <summary>Maps that one run takes.</summary>
    public const int MaxMaps = 4;

    /// <param name="x">[rows, inputs].</param>
    /// <param name="w">[outputs, inputs].</param>
    /// <param name="y">Rows <paramref name="stride"/> elements apart.</param>
    public static void Multiply(ComputePool pool, float* x, float* w, int rows, int outputs, int inputs, Into into, float* y, long stride)
    {
        var job = new Job { X = x, Rows = rows, Inputs = inputs, Into = into };
        Add(ref job, w, outputs, y, stride);
        Run(pool, ref job);
    }

    /// <summary>Several maps of the same input in one run.</summary>
    /// <param name="x">float32 [rows, inputs].</param>
    /// <param name="weights">1 … <see cref="MaxMaps"/> maps [outputs, inputs].</param>
    /// <param name="outputs">float32 [rows, outputs] for each; overwritten.</param>
    public static void Multiply(ComputePool pool, Tensor x, ReadOnlySpan<Weight> weights, ReadOnlySpan<Tensor> outputs)
    {
        var job = new Job { X = x.HostPointer<float>(), Rows = x.Shape.D0, Inputs = x.Shape.D1, Into = Into.Overwrite };
        for (int i = 0; i < weights.Length; i++)
            Add(ref job, weights[i].Value.HostPointer<float>(), weights[i].Outputs, outputs[i].HostPointer<float>(), weights[i].Outputs);
        Run(pool, ref job);
    }

    static void Add(ref Job job, float* w, int outputs, float* y, long stride)
    {
        int first = job.Outputs;
        job.Outputs = checked(first + outputs);
        job.Maps[job.MapCount++] = new() { W = w, Y = y, Stride = stride, First = first, End = job.Outputs };
    }

    static void Run(ComputePool pool, ref Job job)
    {
        if (job.Rows == 0 || job.Outputs == 0) return;
        job.Parts = Split.Parts((long)job.Outputs * job.Inputs, LeastPartWeights, pool.ThreadCount);
        pool.Run(job.Parts, &Part, Unsafe.AsPointer(ref job));
    }

    [SkipLocalsInit]
    static void Part(void* context, int part, int thread)
    {
        ref Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Outputs, part, job.Parts);
        float* sums = stackalloc float[PanelRows * PanelOutputs];
        int at = 0;
        for (int output = (int)first; output < end;)
        {
            while (output >= job.Maps[at].End) at++;
            ref readonly Map map = ref job.Maps[at];
            // One row reads a single stream, which memory likes best.
            int outputs = Math.Min(job.Rows == 1 ? 1 : PanelOutputs, Math.Min((int)end, map.End) - output);
            for (int row = 0; row < job.Rows; row += PanelRows) Tile(job, map, row, output - map.First, outputs, sums);
            output += outputs;
        }
    }

    static void Tile(in Job job, in Map map, int row, int output, int outputs, float* sums)
    {
        float* x = job.X + (long)row * job.Inputs, w = map.W + (long)output * job.Inputs;
        int rows = Math.Min(PanelRows, job.Rows - row);
        if (rows > 1) Dots(x, rows, w, outputs, job.Inputs, row == 0, sums);
        else
            for (int o = 0; o < outputs; o++) sums[o] = Dot(x, w + (long)o * job.Inputs, job.Inputs);
        for (int i = 0; i < rows; i++)
        {
            float* y = map.Y + (row + i) * map.Stride + output;
            for (int o = 0; o < outputs; o++) y[o] = job.Into == Into.Add ? y[o] + sums[i * PanelOutputs + o] : sums[i * PanelOutputs + o];
        }
    }

    static float Dot(float* x, float* w, int inputs)
    {
        TVector even = TVector.Zero, odd = TVector.Zero;
        int n = TVector.Count, i = 0;
        for (; i + 2 * n <= inputs; i += 2 * n)
        {
            Fetch((byte*)(w + i) + Ahead);
            even = TVector.MultiplyAdd(TVector.Load(x + i), TVector.Load(w + i), even);
            odd = TVector.MultiplyAdd(TVector.Load(x + i + n), TVector.Load(w + i + n), odd);
        }
        if (i + n <= inputs)
        {
            even = TVector.MultiplyAdd(TVector.Load(x + i), TVector.Load(w + i), even);
            i += n;
        }
        return WithTail(even + odd, x, w, i, inputs);
    }

    /// <summary>Two to four rows by one or two outputs; absent ones repeat the first.</summary>
    /// <param name="isFirst">Whether these rows are the first to meet the weights, which then come from memory.</param>
    static void Dots(float* x, int rows, float* w, int outputs, int inputs, bool isFirst, float* sums)
    {
        float* x1 = x + inputs, x2 = rows > 2 ? x1 + inputs : x, x3 = rows > 3 ? x2 + inputs : x, v = outputs > 1 ? w + inputs : w;
        // The next outputs are asked for front to back, two lines of each output a step.
        byte* next = (byte*)(w + (long)outputs * inputs);
        TVector a0 = TVector.Zero, a1 = TVector.Zero, b0 = TVector.Zero, b1 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, d0 = TVector.Zero, d1 = TVector.Zero;
        TVector e0 = TVector.Zero, e1 = TVector.Zero, f0 = TVector.Zero, f1 = TVector.Zero;
        TVector g0 = TVector.Zero, g1 = TVector.Zero, h0 = TVector.Zero, h1 = TVector.Zero;
        int n = TVector.Count, i = 0;
        for (; i + 2 * n <= inputs; i += 2 * n, next += 4 * n * sizeof(float))
        {
            if (isFirst)
            {
                Fetch(next);
                Fetch(next + 2 * n * sizeof(float));
            }
            TVector w0 = TVector.Load(w + i), w1 = TVector.Load(w + i + n), v0 = TVector.Load(v + i), v1 = TVector.Load(v + i + n);
            TVector even = TVector.Load(x + i), odd = TVector.Load(x + i + n);
            a0 = TVector.MultiplyAdd(even, w0, a0); a1 = TVector.MultiplyAdd(odd, w1, a1);
            e0 = TVector.MultiplyAdd(even, v0, e0); e1 = TVector.MultiplyAdd(odd, v1, e1);
            (even, odd) = (TVector.Load(x1 + i), TVector.Load(x1 + i + n));
            b0 = TVector.MultiplyAdd(even, w0, b0); b1 = TVector.MultiplyAdd(odd, w1, b1);
            f0 = TVector.MultiplyAdd(even, v0, f0); f1 = TVector.MultiplyAdd(odd, v1, f1);
            (even, odd) = (TVector.Load(x2 + i), TVector.Load(x2 + i + n));
            c0 = TVector.MultiplyAdd(even, w0, c0); c1 = TVector.MultiplyAdd(odd, w1, c1);
            g0 = TVector.MultiplyAdd(even, v0, g0); g1 = TVector.MultiplyAdd(odd, v1, g1);
            (even, odd) = (TVector.Load(x3 + i), TVector.Load(x3 + i + n));
            d0 = TVector.MultiplyAdd(even, w0, d0); d1 = TVector.MultiplyAdd(odd, w1, d1);
            h0 = TVector.MultiplyAdd(even, v0, h0); h1 = TVector.MultiplyAdd(odd, v1, h1);
        }
        if (i + n <= inputs)
        {
            TVector w0 = TVector.Load(w + i), v0 = TVector.Load(v + i), value = TVector.Load(x + i);
            a0 = TVector.MultiplyAdd(value, w0, a0); e0 = TVector.MultiplyAdd(value, v0, e0);
            value = TVector.Load(x1 + i);
            b0 = TVector.MultiplyAdd(value, w0, b0); f0 = TVector.MultiplyAdd(value, v0, f0);
            value = TVector.Load(x2 + i);
            c0 = TVector.MultiplyAdd(value, w0, c0); g0 = TVector.MultiplyAdd(value, v0, g0);
            value = TVector.Load(x3 + i);
            d0 = TVector.MultiplyAdd(value, w0, d0); h0 = TVector.MultiplyAdd(value, v0, h0);
            i += n;
        }
        (sums[0], sums[1]) = (WithTail(a0 + a1, x, w, i, inputs), WithTail(e0 + e1, x, v, i, inputs));
        (sums[2], sums[3]) = (WithTail(b0 + b1, x1, w, i, inputs), WithTail(f0 + f1, x1, v, i, inputs));
        (sums[4], sums[5]) = (WithTail(c0 + c1, x2, w, i, inputs), WithTail(g0 + g1, x2, v, i, inputs));
        (sums[6], sums[7]) = (WithTail(d0 + d1, x3, w, i, inputs), WithTail(h0 + h1, x3, v, i, inputs));
    }

    /// <summary>Starts to read two lines: the processor's own prefetch stops at the end of every page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Fetch(byte* at)
    {
        if (!Sse.IsSupported) return;
        Sse.Prefetch0(at);
        Sse.Prefetch0(at + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float WithTail(TVector sums, float* x, float* w, int i, int inputs)
    {
        float sum = TVector.Sum(sums);
        for (; i < inputs; i++) sum = float.MultiplyAddEstimate(x[i], w[i], sum);
        return sum;
    }

    struct Map
    {
        public float* W, Y;
        public long Stride;
        public int First, End;
    }

    [InlineArray(MaxMaps)]
    struct MapList
    {
        Map _first;
    }

    struct Job
    {
        public MapList Maps;
        public float* X;
        public int MapCount, Rows, Inputs, Outputs, Parts;
        public Into Into;
    }
}
