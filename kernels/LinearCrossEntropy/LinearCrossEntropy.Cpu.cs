using System.Runtime.CompilerServices;
using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Head and loss on the CPU, chunk by chunk of the vocabulary: a product, then a pass over the chunk's logits.
/// Split: products as in <see cref="Gemm"/>, passes by rows. Memory: the weights are read once a product; a chunk's logits stay in
/// the caches and pass through them three times; where the scratch holds those of all words, Backward reads them from there, which costs a
/// hundredth of computing them again. Bound: compute (the products). Sums: float32 within a chunk, double over the chunks;
/// the running maximum is subtracted from the scaled logit as rounded, so the greatest word contributes exactly 1.
/// </summary>
sealed unsafe class LinearCrossEntropyCpu<TVector>(ComputePool pool, Gemm gemm) : LinearCrossEntropy where TVector : struct, IVectorF32<TVector>
{
    // Some thousand exponentials: about what a run of the pool costs.
    const int LeastPartRows = 4;

    readonly MatMulCpu<TVector> _products = new(pool, gemm);

    protected override void ForwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor nats, Tensor scratch)
    {
        Job job = Start(x, w, scale, labels, logSumExp, scratch);
        CheckLabels(job, w.Outputs, labels, "linear_cross_entropy.forward");
        job.States = States(job.Rows);
        job.Nats = nats.HostPointer<float>();
        for (int row = 0; row < job.Rows; row++) job.States[row] = new() { Max = float.NegativeInfinity };
        for (; job.First < w.Outputs; job.First += job.Words)
        {
            Multiply(ref job, x, w);
            pool.Run(job.Parts, &SumPart, &job);
        }
        for (int row = 0; row < job.Rows; row++) Finish(job, row);
    }

    /// <summary>Adds a chunk to its rows' running maxima and sums, and picks the label's logit where it lies in the chunk.</summary>
    static void SumPart(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Rows, part, job.Parts);
        for (long row = first; row < end; row++)
        {
            if (job.Labels[row] == IgnoredLabel) continue;
            float* logits = job.Logits + row * job.Stride;
            ref RowState state = ref job.States[row];
            long label = (long)job.Labels[row] - job.First;
            if (label >= 0 && label < job.Words) state.LabelLogit = job.Scale * logits[label];
            float max = MathF.Max(state.Max, Max(logits, job.Words, job.Scale));
            state.Sum = state.Sum * Math.Exp((double)state.Max - max) + SumOfExp(logits, job.Words, job.Scale, max);
            state.Max = max;
        }
    }

    /// <summary>The greatest scaled logit; a NaN may be passed over, since <see cref="SumOfExp"/> meets it too.</summary>
    static float Max(float* logits, int count, float scale)
    {
        TVector factor = TVector.Broadcast(scale), max0 = TVector.Broadcast(float.NegativeInfinity), max1 = max0, max2 = max0, max3 = max0;
        int n = TVector.Count, i = 0;
        for (; i + 4 * n <= count; i += 4 * n)
        {
            max0 = TVector.MaxNative(factor * TVector.Load(logits + i), max0);
            max1 = TVector.MaxNative(factor * TVector.Load(logits + i + n), max1);
            max2 = TVector.MaxNative(factor * TVector.Load(logits + i + 2 * n), max2);
            max3 = TVector.MaxNative(factor * TVector.Load(logits + i + 3 * n), max3);
        }
        for (; i + n <= count; i += n) max0 = TVector.MaxNative(factor * TVector.Load(logits + i), max0);
        float result = TVector.MaxAcross(TVector.MaxNative(TVector.MaxNative(max0, max1), TVector.MaxNative(max2, max3)));
        for (; i < count; i++) result = MathF.Max(result, scale * logits[i]);
        return result;
    }

    static double SumOfExp(float* logits, int count, float scale, float max)
    {
        TVector factor = TVector.Broadcast(scale), shift = TVector.Broadcast(max), sum0 = TVector.Zero, sum1 = TVector.Zero;
        int i = 0;
        for (; i + 2 * TVector.Count <= count; i += 2 * TVector.Count)
        {
            sum0 += TVector.Exp(factor * TVector.Load(logits + i) - shift);
            sum1 += TVector.Exp(factor * TVector.Load(logits + i + TVector.Count) - shift);
        }
        double sum = TVector.Sum(sum0 + sum1);
        for (; i < count; i++) sum += MathF.Exp(scale * logits[i] - max);
        return sum;
    }

    static void Finish(in Job job, int row)
    {
        bool counted = job.Labels[row] != IgnoredLabel;
        ref readonly RowState state = ref job.States[row];
        double log = Math.Log(state.Sum);
        job.LogSumExp[row] = counted ? state.Max + log : 0;
        job.Nats[row] = counted ? (float)((double)state.Max - state.LabelLogit + log) : 0;
    }

    protected override void BackwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor rowWeights, Tensor logSumExp,
        Tensor dx, Gradient dWeight, Tensor scratch, bool holdsLogits)
    {
        Job job = Start(x, w, scale, labels, logSumExp, scratch);
        CheckLabels(job, w.Outputs, labels, "linear_cross_entropy.backward");
        job.RowWeights = rowWeights.HostPointer<float>();
        float* values = w.Value.HostPointer<float>(), dValues = dWeight.Sum.HostPointer<float>();
        for (; job.First < w.Outputs; job.First += job.Words)
        {
            if (holdsLogits) Select(ref job, w);
            else Multiply(ref job, x, w);
            pool.Run(job.Parts, &GradientPart, &job);
            long offset = (long)job.First * w.Inputs;
            GemmProduct dxPart = MatMulCpu<TVector>.InputGradient(job.Logits, job.Stride, values + offset, job.Rows, job.Words, w.Inputs,
                job.First == 0 ? Into.Overwrite : Into.Add, dx.HostPointer<float>());
            GemmProduct dWeightPart = MatMulCpu<TVector>.WeightGradient(job.Logits, job.Stride, x.HostPointer<float>(), job.Rows, job.Words, w.Inputs,
                dWeight.Into, dValues + offset);
            gemm.Multiply(new(in dxPart), new(in dWeightPart));
        }
    }

    /// <summary>Turns a chunk's logits into the gradients of x Wᵀ, in place.</summary>
    static void GradientPart(void* context, int part, int thread)
    {
        ref readonly Job job = ref Unsafe.AsRef<Job>(context);
        var (first, end) = Split.Range(job.Rows, part, job.Parts);
        for (long row = first; row < end; row++)
        {
            float* logits = job.Logits + row * job.Stride;
            if (job.Labels[row] == IgnoredLabel)
            {
                new Span<float>(logits, job.Words).Clear();
                continue;
            }
            float weight = job.Scale * job.RowWeights[row];
            Softmax(logits, job.Words, job.Scale, job.LogSumExp[row], weight);
            long label = (long)job.Labels[row] - job.First;
            if (label >= 0 && label < job.Words) logits[label] -= weight;
        }
    }

    /// <summary>weight · exp(scale · logit − logSumExp). What float32 loses of logSumExp is subtracted behind it: where a word has nearly
    /// all the probability, the first difference is exact.</summary>
    static void Softmax(float* logits, int count, float scale, double logSumExp, float weight)
    {
        float high = (float)logSumExp, low = (float)(logSumExp - high);
        TVector factor = TVector.Broadcast(scale), shift = TVector.Broadcast(high), rest = TVector.Broadcast(low), weights = TVector.Broadcast(weight);
        int i = 0;
        for (; i + TVector.Count <= count; i += TVector.Count)
            TVector.Store(weights * TVector.Exp(factor * TVector.Load(logits + i) - shift - rest), logits + i);
        for (; i < count; i++) logits[i] = weight * MathF.Exp(scale * logits[i] - high - low);
    }

    Job Start(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor scratch) => new()
    {
        Rows = x.Shape.D0,
        Stride = scratch.Shape.D1,
        HasRoomForAll = scratch.Shape.D1 == w.Outputs,
        Scale = scale,
        Parts = Split.Parts(x.Shape.D0, LeastPartRows, pool.ThreadCount),
        Labels = labels.HostPointer<int>(),
        LogSumExp = logSumExp.HostPointer<double>(),
        Scratch = scratch.HostPointer<float>(),
    };

    /// <summary>Turns to the chunk that starts at <see cref="Job.First"/>.</summary>
    static void Select(ref Job job, Weight w)
    {
        job.Words = Math.Min(ChunkWords, w.Outputs - job.First);
        job.Logits = job.HasRoomForAll ? job.Scratch + job.First : job.Scratch;
    }

    /// <summary>x Wᵀ, unscaled, for the chunk that starts at <see cref="Job.First"/>.</summary>
    void Multiply(ref Job job, Tensor x, Weight w)
    {
        Select(ref job, w);
        _products.Forward(x.HostPointer<float>(), w.Value.HostPointer<float>() + (long)job.First * w.Inputs,
            job.Rows, job.Words, w.Inputs, Into.Overwrite, job.Logits, job.Stride);
    }

    /// <summary>State of the rows between chunks, in the part of the caller's scratch that products leave alone.</summary>
    RowState* States(int rows) =>
        (RowState*)((byte*)pool.ThreadScratch(0, gemm.ScratchBytes + sizeof(RowState) * (long)rows) + gemm.ScratchBytes);

    static void CheckLabels(in Job job, int vocabulary, Tensor labels, string operation)
    {
        for (int row = 0; row < job.Rows; row++)
        {
            int label = job.Labels[row];
            if ((uint)label >= (uint)vocabulary && label != IgnoredLabel) ThrowLabel(labels, row, label, vocabulary, operation);
        }
    }

    static void ThrowLabel(Tensor labels, int row, int label, int vocabulary, string operation) =>
        throw new ArgumentException(
            $"{operation}: '{labels.Name}' has label {label} in row {row}, expected 0 to {vocabulary - 1} or {IgnoredLabel}.");

    struct RowState
    {
        public float Max, LabelLogit;
        public double Sum;
    }

    struct Job
    {
        public int* Labels;
        public float* Scratch, Logits, Nats, RowWeights;
        public double* LogSumExp;
        public RowState* States;
        public float Scale;
        public int Rows, Stride, First, Words, Parts;

        /// <summary>Whether the scratch has room for the logits of all words.</summary>
        public bool HasRoomForAll;
    }
}
