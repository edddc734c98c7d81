using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// y[rows, outputs] = or += x Wᵀ for the few rows of decoding, as dot products along the inputs: nothing is packed. One map, or several that
/// share their input. Split: by outputs over all maps. Memory: the weights are read front to back, once from memory (and from the caches
/// once for every four rows). Bound: bandwidth. Sums: float32, fused, two vectors of partial sums an
/// element, halved at the end, then the tail in order; an element's bits depend neither on the threads nor on the other rows.
/// </summary>
static unsafe class RowProducts<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Rows up to which a product takes this path: 16 rows run twice as fast as packed ones, 32 rows about as fast.</summary>
    public const int MaxRows = 16;

    // Rows whose dot products run side by side: eight sums hide the latency of a multiply-add.
    const int PanelRows = 4;

    // Bytes by which reads are started early: about what arrives in the time of one access to memory.
    const int Ahead = 2048;

    const int CacheLine = 64;

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
        float* sums = stackalloc float[PanelRows];
        int at = 0;
        for (int output = (int)first; output < end; output++)
        {
            while (output >= job.Maps[at].End) at++;
            ref readonly Map map = ref job.Maps[at];
            float* w = map.W + (long)(output - map.First) * job.Inputs, y = map.Y + (output - map.First);
            for (int row = 0; row < job.Rows; row += PanelRows)
            {
                float* x = job.X + (long)row * job.Inputs;
                int rows = Math.Min(PanelRows, job.Rows - row);
                if (rows == 1) sums[0] = Dot(x, w, job.Inputs);
                else Dots(x, w, rows, job.Inputs, sums);
                for (int i = 0; i < rows; i++)
                {
                    float* to = y + (row + i) * map.Stride;
                    *to = job.Into == Into.Add ? *to + sums[i] : sums[i];
                }
            }
        }
    }

    static float Dot(float* x, float* w, int inputs)
    {
        TVector even = TVector.Zero, odd = TVector.Zero;
        int n = TVector.Count, i = 0;
        for (; i + 2 * n <= inputs; i += 2 * n)
        {
            Fetch(w + i);
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

    /// <summary>Up to four rows; absent ones repeat the first.</summary>
    static void Dots(float* x, float* w, int rows, int inputs, float* sums)
    {
        float* x1 = x + inputs, x2 = rows > 2 ? x1 + inputs : x, x3 = rows > 3 ? x2 + inputs : x;
        TVector even0 = TVector.Zero, even1 = TVector.Zero, even2 = TVector.Zero, even3 = TVector.Zero;
        TVector odd0 = TVector.Zero, odd1 = TVector.Zero, odd2 = TVector.Zero, odd3 = TVector.Zero;
        int n = TVector.Count, i = 0;
        for (; i + 2 * n <= inputs; i += 2 * n)
        {
            Fetch(w + i);
            TVector even = TVector.Load(w + i), odd = TVector.Load(w + i + n);
            even0 = TVector.MultiplyAdd(TVector.Load(x + i), even, even0); odd0 = TVector.MultiplyAdd(TVector.Load(x + i + n), odd, odd0);
            even1 = TVector.MultiplyAdd(TVector.Load(x1 + i), even, even1); odd1 = TVector.MultiplyAdd(TVector.Load(x1 + i + n), odd, odd1);
            even2 = TVector.MultiplyAdd(TVector.Load(x2 + i), even, even2); odd2 = TVector.MultiplyAdd(TVector.Load(x2 + i + n), odd, odd2);
            even3 = TVector.MultiplyAdd(TVector.Load(x3 + i), even, even3); odd3 = TVector.MultiplyAdd(TVector.Load(x3 + i + n), odd, odd3);
        }
        if (i + n <= inputs)
        {
            TVector even = TVector.Load(w + i);
            even0 = TVector.MultiplyAdd(TVector.Load(x + i), even, even0);
            even1 = TVector.MultiplyAdd(TVector.Load(x1 + i), even, even1);
            even2 = TVector.MultiplyAdd(TVector.Load(x2 + i), even, even2);
            even3 = TVector.MultiplyAdd(TVector.Load(x3 + i), even, even3);
            i += n;
        }
        sums[0] = WithTail(even0 + odd0, x, w, i, inputs);
        sums[1] = WithTail(even1 + odd1, x1, w, i, inputs);
        sums[2] = WithTail(even2 + odd2, x2, w, i, inputs);
        sums[3] = WithTail(even3 + odd3, x3, w, i, inputs);
    }

    /// <summary>Starts to read what the step some lines ahead takes, two vectors: the processor's own prefetch stops at the end of every page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Fetch(float* w)
    {
        if (!Sse.IsSupported) return;
        Sse.Prefetch0((byte*)w + Ahead);
        if (2 * sizeof(float) * TVector.Count > CacheLine) Sse.Prefetch0((byte*)w + Ahead + CacheLine);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float WithTail(TVector sums, float* x, float* w, int i, int inputs)
    {
        float sum = TVector.Sum(sums);
        for (; i < inputs; i++) sum = F32x1.MultiplyAdd(x[i], w[i], sum);
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
