using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// y[rows, outputs] = or += x Wᵀ for the few rows of decoding, as dot products along the inputs: nothing is packed.
/// Split: by outputs. Memory: each weight is read once from memory (and from the caches once for every two rows). Bound: bandwidth.
/// Sums: float32, fused, one vector of partial sums an element, halved at the end, then the tail in order; an element's bits depend
/// neither on the threads nor on the other rows.
/// </summary>
static unsafe class RowProducts<TVector> where TVector : struct, IVectorF32<TVector>
{
    /// <summary>Rows up to which a product takes this path: 12 rows run 1.3 to 1.7 times as fast as packed ones, 16 rows 1.0 to 1.25 times,
    /// 32 rows 0.8 to 1.1 times.</summary>
    public const int MaxRows = 16;

    // Outputs whose dot products run side by side.
    const int Group = 4;

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
        int firstGroup = job.Groups;
        job.Groups = checked(firstGroup + (outputs + Group - 1) / Group);
        job.Maps[job.MapCount++] = new() { W = w, Y = y, Stride = stride, Outputs = outputs, FirstGroup = firstGroup, EndGroup = job.Groups };
    }

    static void Run(ComputePool pool, ref Job job)
    {
        if (job.Rows == 0 || job.Groups == 0) return;
        job.Parts = Split.Parts((long)job.Groups * Group * job.Inputs, LeastPartWeights, pool.ThreadCount);
        pool.Run(job.Parts, &Part, Unsafe.AsPointer(ref job));
    }

    [SkipLocalsInit]
    static void Part(void* context, int part, int thread)
    {
        ref Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Groups, part, job.Parts);
        float* sums = stackalloc float[2 * Group];
        int at = 0;
        for (int group = (int)first; group < end; group++)
        {
            while (group >= job.Maps[at].EndGroup) at++;
            ref readonly Map map = ref job.Maps[at];
            int output = (group - map.FirstGroup) * Group, count = Math.Min(Group, map.Outputs - output), row = 0;
            float* w = map.W + (long)output * job.Inputs;
            for (; row + 2 <= job.Rows; row += 2)
            {
                float* x = job.X + (long)row * job.Inputs;
                Dots2(x, x + job.Inputs, w, count, job.Inputs, sums);
                Put(sums, count, job.Into, map.Y + row * map.Stride + output);
                Put(sums + Group, count, job.Into, map.Y + (row + 1) * map.Stride + output);
            }
            if (row < job.Rows)
            {
                Dots1(job.X + (long)row * job.Inputs, w, count, job.Inputs, sums);
                Put(sums, count, job.Into, map.Y + row * map.Stride + output);
            }
        }
    }

    static void Put(float* sums, int count, Into into, float* y)
    {
        for (int i = 0; i < count; i++) y[i] = into == Into.Add ? y[i] + sums[i] : sums[i];
    }

    /// <summary>One row by four weight rows; absent weight rows repeat the last one.</summary>
    static void Dots1(float* x, float* w, int count, int inputs, float* sums)
    {
        float* w1 = Line(w, 1, count, inputs), w2 = Line(w, 2, count, inputs), w3 = Line(w, 3, count, inputs);
        TVector s0 = TVector.Zero, s1 = TVector.Zero, s2 = TVector.Zero, s3 = TVector.Zero;
        long i = 0;
        for (; i + TVector.Count <= inputs; i += TVector.Count)
        {
            TVector v = TVector.Load(x + i);
            s0 = TVector.MultiplyAdd(v, TVector.Load(w + i), s0);
            s1 = TVector.MultiplyAdd(v, TVector.Load(w1 + i), s1);
            s2 = TVector.MultiplyAdd(v, TVector.Load(w2 + i), s2);
            s3 = TVector.MultiplyAdd(v, TVector.Load(w3 + i), s3);
        }
        sums[0] = WithTail(s0, x, w, i, inputs);
        sums[1] = WithTail(s1, x, w1, i, inputs);
        sums[2] = WithTail(s2, x, w2, i, inputs);
        sums[3] = WithTail(s3, x, w3, i, inputs);
    }

    /// <summary>Two rows by four weight rows.</summary>
    static void Dots2(float* x, float* x1, float* w, int count, int inputs, float* sums)
    {
        float* w1 = Line(w, 1, count, inputs), w2 = Line(w, 2, count, inputs), w3 = Line(w, 3, count, inputs);
        TVector s0 = TVector.Zero, s1 = TVector.Zero, s2 = TVector.Zero, s3 = TVector.Zero;
        TVector t0 = TVector.Zero, t1 = TVector.Zero, t2 = TVector.Zero, t3 = TVector.Zero;
        long i = 0;
        for (; i + TVector.Count <= inputs; i += TVector.Count)
        {
            TVector v = TVector.Load(x + i), u = TVector.Load(x1 + i);
            TVector weight = TVector.Load(w + i);
            s0 = TVector.MultiplyAdd(v, weight, s0); t0 = TVector.MultiplyAdd(u, weight, t0);
            weight = TVector.Load(w1 + i);
            s1 = TVector.MultiplyAdd(v, weight, s1); t1 = TVector.MultiplyAdd(u, weight, t1);
            weight = TVector.Load(w2 + i);
            s2 = TVector.MultiplyAdd(v, weight, s2); t2 = TVector.MultiplyAdd(u, weight, t2);
            weight = TVector.Load(w3 + i);
            s3 = TVector.MultiplyAdd(v, weight, s3); t3 = TVector.MultiplyAdd(u, weight, t3);
        }
        sums[0] = WithTail(s0, x, w, i, inputs);
        sums[1] = WithTail(s1, x, w1, i, inputs);
        sums[2] = WithTail(s2, x, w2, i, inputs);
        sums[3] = WithTail(s3, x, w3, i, inputs);
        sums[4] = WithTail(t0, x1, w, i, inputs);
        sums[5] = WithTail(t1, x1, w1, i, inputs);
        sums[6] = WithTail(t2, x1, w2, i, inputs);
        sums[7] = WithTail(t3, x1, w3, i, inputs);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float* Line(float* w, int line, int count, int inputs) => w + (long)Math.Min(line, count - 1) * inputs;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float WithTail(TVector sums, float* x, float* w, long i, int inputs)
    {
        float sum = TVector.Sum(sums);
        for (; i < inputs; i++) sum = float.MultiplyAddEstimate(x[i], w[i], sum);
        return sum;
    }

    struct Map
    {
        public float* W, Y;
        public long Stride;
        public int Outputs, FirstGroup, EndGroup;
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
        public int MapCount, Rows, Inputs, Groups, Parts;
        public Into Into;
    }
}
