using DistillEngine.Core;
using ILGPU;
using FinishKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<int>, ILGPU.ArrayView<double>,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<double>, ILGPU.ArrayView<float>>;
using GradientKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>,
    ILGPU.ArrayView<double>, ILGPU.ArrayView<float>, DistillEngine.Kernels.LogitsChunk>;
using LogitsKernel = System.Action<ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<int>,
    ILGPU.ArrayView<double>, ILGPU.ArrayView<float>, int, DistillEngine.Kernels.LogitsChunk>;

namespace DistillEngine.Kernels;

/// <summary>
/// Head and loss chunk by chunk of the vocabulary: a product, then one group a row over the chunk's logits. Where the scratch has room for all
/// words they are one chunk, whose products fill the device best, and Backward reads what Forward left there. Bound by the products; the
/// passes read a chunk's logits twice, backward writes the gradients in their place. Sums: float32 within a part of a chunk,
/// double above. A label outside the vocabulary gives NaN nats: a device throws nothing.
/// </summary>
sealed class LinearCrossEntropyGpu(Gpu gpu, MatMulGpu matMul) : LinearCrossEntropy
{
    readonly TunedKernel<LogitsKernel> _sum = gpu.Tuned<LogitsKernel>("linear_cross_entropy.forward", SumRows<WarpLanes>, SumRows<SharedLanes>);

    // A thread a row and a few operations each: too little work to be worth measuring.
    readonly DeviceKernel<FinishKernel> _finish = gpu.Kernel<FinishKernel>(FinishRows);

    readonly TunedKernel<GradientKernel> _gradient = gpu.Tuned<GradientKernel>("linear_cross_entropy.backward", GradientRows);

    protected override void ForwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor nats, Tensor scratch)
    {
        int rows = x.Shape.D0;
        if (rows == 0) return;
        // State of the rows between chunks: sums in double, then greatest logit and label's logit.
        long bytes = rows * (long)(sizeof(double) + 2 * sizeof(float));
        ArrayView<double> sums = gpu.Scratch<double>(0, rows, bytes);
        ArrayView<float> logits = gpu.View<float>(scratch), states = gpu.Scratch<float>(2L * rows, 2L * rows, bytes);
        ArrayView<int> labelView = gpu.View<int>(labels);
        for (int first = 0; first < w.Outputs; first += scratch.Shape.D1)
        {
            LogitsChunk chunk = Chunk(w, scale, first, scratch);
            Multiply(chunk, x, w, scratch);
            _sum.Run(LaunchGrid.OfRows(rows, chunk.Words), (logits, labelView, sums, states, gpu.SumParts, chunk),
                static (kernel, stream, grid, a) => kernel(stream, grid, a.logits, a.labelView, a.sums, a.states, a.SumParts, a.chunk),
                sums.Cast<float>(), states);
        }
        _finish.Launch(gpu.Stream, gpu.Elements(rows), labelView, sums, states, gpu.View<double>(logSumExp), gpu.View<float>(nats));
    }

    protected override void BackwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor rowWeights, Tensor logSumExp, Tensor dx, Gradient dWeight,
        Tensor scratch, bool holdsLogits)
    {
        int rows = x.Shape.D0;
        ArrayView<float> logits = gpu.View<float>(scratch), xView = gpu.View<float>(x);
        ArrayView<float> values = gpu.View<float>(w.Value), dValues = gpu.View<float>(dWeight.Sum);
        if (rows == 0)
        {
            if (dWeight.Into == Into.Overwrite) gpu.Driver.Clear(dValues);
            return;
        }
        for (int first = 0; first < w.Outputs; first += scratch.Shape.D1)
        {
            LogitsChunk chunk = Chunk(w, scale, first, scratch);
            if (!holdsLogits) Multiply(chunk, x, w, scratch);
            _gradient.Run(LaunchGrid.OfRows(rows, chunk.Words),
                (logits, labels: gpu.View<int>(labels), sums: gpu.View<double>(logSumExp), weights: gpu.View<float>(rowWeights), chunk),
                static (kernel, stream, grid, a) => kernel(stream, grid, a.logits, a.labels, a.sums, a.weights, a.chunk), logits);
            long offset = (long)first * w.Inputs, count = (long)chunk.Words * w.Inputs;
            matMul.BackwardInput(logits, chunk.Stride, values.SubView(offset, count), rows, chunk.Words, w.Inputs,
                first == 0 ? Into.Overwrite : Into.Add, gpu.View<float>(dx));
            matMul.BackwardWeight(logits, chunk.Stride, xView, rows, chunk.Words, w.Inputs, dWeight.Into, dValues.SubView(offset, count));
        }
    }

    /// <summary>The words from <paramref name="first"/> on, as many as the scratch has room for.</summary>
    static LogitsChunk Chunk(Weight w, float scale, int first, Tensor scratch) => new()
    {
        First = first, Words = Math.Min(scratch.Shape.D1, w.Outputs - first), Stride = scratch.Shape.D1, Scale = scale,
    };

    /// <summary>x Wᵀ of a chunk, unscaled.</summary>
    void Multiply(LogitsChunk chunk, Tensor x, Weight w, Tensor scratch)
    {
        ArrayView<float> values = gpu.View<float>(w.Value).SubView((long)chunk.First * w.Inputs, (long)chunk.Words * w.Inputs);
        matMul.Forward(gpu.View<float>(x), values, x.Shape.D0, chunk.Words, w.Inputs, Into.Overwrite, gpu.View<float>(scratch), chunk.Stride);
    }

    /// <summary>Adds a chunk to its rows' running maxima and sums, and picks the label's logit where it lies in the chunk.</summary>
    /// <param name="states">Greatest scaled logit of each row, then its label's.</param>
    internal static void SumRows<TLanes>(ArrayView<float> logits, ArrayView<int> labels, ArrayView<double> sums, ArrayView<float> states, int parts,
        LogitsChunk chunk) where TLanes : struct, ILanes
    {
        ArrayView<float> sharedMax = SharedMemory.Allocate<float>(GroupSums.MaxThreads);
        ArrayView<double> sharedSum = SharedMemory.Allocate<double>(GroupSums.MaxThreads);
        int row = Grid.IdxX;
        long start = (long)row * chunk.Stride;
        float oldMax = chunk.First == 0 ? float.NegativeInfinity : states[row];
        float max = oldMax;
        for (int i = Group.IdxX; i < chunk.Words; i += Group.DimX) max = DeviceMath.Max(max, chunk.Scale * logits[start + i]);
        max = GroupSums<TLanes>.Max(max, sharedMax);
        for (int part = Group.IdxX; part < parts; part += Group.DimX)
        {
            float partSum = 0;
            for (int i = part; i < chunk.Words; i += parts) partSum += DeviceMath.Exp(chunk.Scale * logits[start + i] - max);
            GroupSums<TLanes>.Post(part, (double)partSum, sharedSum);
        }
        double sum = GroupSums<TLanes>.Total(parts, sharedSum);
        if (Group.IdxX != 0) return;
        if (chunk.First != 0) sum += sums[row] * DeviceMath.Exp((double)oldMax - max);
        sums[row] = sum;
        states[row] = max;
        int label = labels[row] - chunk.First, place = labels.IntLength + row;
        if (label >= 0 && label < chunk.Words) states[place] = chunk.Scale * logits[start + label];
        else if (chunk.First == 0) states[place] = float.NaN;
    }

    internal static void FinishRows(ArrayView<int> labels, ArrayView<double> sums, ArrayView<float> states, ArrayView<double> logSumExp, ArrayView<float> nats)
    {
        for (int row = Grid.IdxX * Group.DimX + Group.IdxX; row < labels.IntLength; row += Grid.DimX * Group.DimX)
        {
            bool counted = labels[row] != IgnoredLabel;
            double max = states[row], log = DeviceMath.Log(sums[row]);
            logSumExp[row] = counted ? max + log : 0;
            nats[row] = counted ? (float)(max - states[labels.IntLength + row] + log) : 0;
        }
    }

    /// <summary>Turns a chunk's logits into the gradients of x Wᵀ, in place. What float32 loses of logSumExp is subtracted behind it: where
    /// a word has nearly all the probability, the first difference is exact.</summary>
    internal static void GradientRows(
        ArrayView<float> logits, ArrayView<int> labels, ArrayView<double> logSumExp, ArrayView<float> rowWeights, LogitsChunk chunk)
    {
        int row = Grid.IdxX, label = labels[row];
        long start = (long)row * chunk.Stride;
        float weight = chunk.Scale * rowWeights[row];
        double whole = logSumExp[row];
        float high = (float)whole, low = (float)(whole - high);
        for (int i = Group.IdxX; i < chunk.Words; i += Group.DimX)
        {
            float gradient = weight * DeviceMath.Exp(chunk.Scale * logits[start + i] - high - low);
            if (i + chunk.First == label) gradient -= weight;
            logits[start + i] = label == IgnoredLabel ? 0 : gradient;
        }
    }
}

/// <summary>A chunk of the vocabulary.</summary>
struct LogitsChunk
{
    /// <summary>First word, number of words, elements between rows.</summary>
    public int First, Words, Stride;
    public float Scale;
}
