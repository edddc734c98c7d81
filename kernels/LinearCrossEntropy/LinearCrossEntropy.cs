using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>
/// Head and loss in one: logits = scale · x Wᵀ, nats[row] = logSumExp(logits[row]) − logits[row, label]. The vocabulary is taken in
/// chunks of <see cref="ChunkWords"/>, so the logits of all rows never exist together, but where a training step has room to keep them
/// for its backward (<see cref="TrainingScratchShape"/>).
/// </summary>
/// <remarks>Source: torch.nn.functional.cross_entropy(ignore_index=−100) on Hugging Face's T5 head.</remarks>
public abstract class LinearCrossEntropy
{
    /// <summary>Label of a row that is not counted: its nats are 0 and it has no gradient.</summary>
    public const int IgnoredLabel = Batch.IgnoredLabel;

    /// <summary>Words whose logits exist at a time: [rows, 1,024] in float32 stays in the outer caches for the batches of this method,
    /// and the product still runs at full speed.</summary>
    public const int ChunkWords = 1024;

    // A quarter of the loss's work is computing logits again. Up to this size keeping them costs less than 4 bytes a parameter of the
    // smallest published model.
    const long MostKeptBytes = 256L << 20;

    /// <summary>Shape of the scratch for so many rows of a vocabulary: one chunk.</summary>
    public static Shape ScratchShape(int rows, int vocabulary) => new(rows, Math.Min(vocabulary, ChunkWords));

    /// <summary>Shape of the scratch of a training step, which takes its memory for the greatest number of rows: all logits, if they fit in
    /// 256 MiB, else one chunk.</summary>
    public static Shape TrainingScratchShape(int rows, int vocabulary) =>
        sizeof(float) * (long)rows * vocabulary <= MostKeptBytes ? new(rows, vocabulary) : ScratchShape(rows, vocabulary);

    /// <param name="x">float32 [rows, width]: the decoder's final states.</param>
    /// <param name="w">float32 [vocabulary, width].</param>
    /// <param name="scale">width^−½ for a tied head, else 1.</param>
    /// <param name="labels">int32 [rows], each 0 … vocabulary − 1 or <see cref="IgnoredLabel"/>.</param>
    /// <param name="logSumExp">float64 [rows]; overwritten; Backward needs it. In float32 its rounding would become a relative error of every
    /// probability, many times that of the logits.</param>
    /// <param name="nats">float32 [rows]; overwritten.</param>
    /// <param name="scratch">float32, <see cref="ScratchShape"/> or [rows, vocabulary]; overwritten, the latter with x Wᵀ.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Forward(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor nats, Tensor scratch)
    {
        int rows = x.Shape.D0;
        CheckShapes(x, w, labels, logSumExp, scratch, "linear_cross_entropy.forward");
        Check.Shape(nats, new(rows), "linear_cross_entropy.forward");
        using var _ = Trace.Op("linear_cross_entropy.forward", ForwardCost(rows, w.Inputs, w.Outputs));
        ForwardCore(x, w, scale, labels, logSumExp, nats, scratch);
    }

    /// <summary>With p = softmax(logits) and g = rowWeights · (p − onehot(label)): dx = scale · g W, dWeight = or += scale · gᵀ x.</summary>
    /// <param name="rowWeights">float32 [rows]: the derivative of the loss by each row's nats.</param>
    /// <param name="dx">float32 [rows, width]; overwritten; may not overlap x.</param>
    /// <param name="dWeight">float32 [vocabulary, width].</param>
    /// <param name="scratch">float32, <see cref="ScratchShape"/> or [rows, vocabulary]; overwritten.</param>
    /// <param name="holdsLogits">Whether the scratch is [rows, vocabulary] and as Forward left it: the logits are taken from there instead of being
    /// computed again.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above.</exception>
    public void Backward(Tensor x, Weight w, float scale, Tensor labels, Tensor rowWeights, Tensor logSumExp, Tensor dx, Gradient dWeight, Tensor scratch,
        bool holdsLogits)
    {
        int rows = x.Shape.D0;
        CheckShapes(x, w, labels, logSumExp, scratch, "linear_cross_entropy.backward");
        if (holdsLogits) Check.Shape(scratch, new(rows, w.Outputs), "linear_cross_entropy.backward");
        Check.Shape(rowWeights, new(rows), "linear_cross_entropy.backward");
        Check.Shape(dx, x.Shape, "linear_cross_entropy.backward");
        Check.Shape(dWeight.Sum, w.Value.Shape, "linear_cross_entropy.backward");
        using var _ = Trace.Op("linear_cross_entropy.backward", BackwardCost(rows, w.Inputs, w.Outputs, dWeight.Into));
        BackwardCore(x, w, scale, labels, rowWeights, logSumExp, dx, dWeight, scratch, holdsLogits);
    }

    /// <summary>One product, whose logits need not reach memory.</summary>
    public static Cost ForwardCost(int rows, int width, int vocabulary) =>
        new(2L * rows * width * vocabulary, sizeof(float) * ((long)rows * width + (long)width * vocabulary));

    /// <summary>Two products, of x, dx, the weights, and their gradient, which is read where it is added to; the recomputed logits are an
    /// implementation's own cost, not the definition's.</summary>
    public static Cost BackwardCost(int rows, int width, int vocabulary, Into into = Into.Add) =>
        new(4L * rows * width * vocabulary, sizeof(float) * (2L * rows * width + (into == Into.Add ? 3L : 2L) * width * vocabulary));

    protected abstract void ForwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor logSumExp, Tensor nats, Tensor scratch);
    protected abstract void BackwardCore(Tensor x, Weight w, float scale, Tensor labels, Tensor rowWeights, Tensor logSumExp,
        Tensor dx, Gradient dWeight, Tensor scratch, bool holdsLogits);

    static void CheckShapes(Tensor x, Weight w, Tensor labels, Tensor logSumExp, Tensor scratch, string operation)
    {
        int rows = x.Shape.D0;
        Check.Shape(x, new(rows, w.Inputs), operation);
        Check.Shape(labels, new(rows), operation, DType.I32);
        Check.Shape(logSumExp, new(rows), operation, DType.F64);
        if (scratch.Shape != new Shape(rows, w.Outputs)) Check.Shape(scratch, ScratchShape(rows, w.Outputs), operation);
    }
}
