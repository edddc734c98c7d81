using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>Which keys a query sees, beside the padding that the spans leave out.</summary>
public enum Masking : byte
{
    /// <summary>All keys of its sequence.</summary>
    None,

    /// <summary>Keys at its own position and before.</summary>
    Causal,
}

/// <summary>
/// Multi-head attention over packed sequences: per sequence and head, y = dropout(softmax(q kᵀ + bias)) v.
/// Scores are not divided by √headWidth. Neither a score matrix nor a bias or mask tensor exists in memory.
/// </summary>
/// <remarks>
/// Source: Hugging Face modeling_t5.T5Attention; the backward recomputes the scores (arXiv:2205.14135 algorithm 4): from logSumExp, or whole rows of them anew.
/// Dropout of weight (query, head, key) draws CounterRng.Draw(site.Key ⊕ RowKey(sequence, query position), head·2²⁰ + key position).
/// </remarks>
public abstract class Attention
{
    /// <summary>Shift of the head number in the dropout counter; sequences have fewer than 2²⁰ positions.</summary>
    public const int HeadShift = 20;

    /// <summary>Widest head that this implementation takes.</summary>
    public virtual int MaxHeadWidth => int.MaxValue;

    /// <summary>Whether keys and values may be of this type in <see cref="Forward"/>.</summary>
    public virtual bool Supports(DType type) => type == DType.F32;

    /// <param name="q">float32 [queryRows, heads · headWidth].</param>
    /// <param name="k">float32 [keyRows, heads · headWidth]; or bfloat16 where this device <see cref="Supports"/> it and no sequence has more than
    /// one query.</param>
    /// <param name="v">As k.</param>
    /// <param name="spans">int32 [sequences, 6], see <see cref="AttentionSpan"/>; query rows of different sequences do not overlap.</param>
    /// <param name="heads">Number of heads; divides the width.</param>
    /// <param name="bias">Relative bias of self-attention, or default.</param>
    /// <param name="dropout">On the attention weights; a rate of 0 … below 1.</param>
    /// <param name="y">float32 [queryRows, heads · headWidth]; rows of the spans are overwritten; may be q.</param>
    /// <param name="logSumExp">float32 [queryRows, heads]; overwritten; natural logarithm of each softmax's denominator.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or (CPU alone) a span leaves its tensors.</exception>
    public void Forward(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias, DropoutSite dropout,
        Tensor y, Tensor logSumExp)
    {
        CheckInputs(q, k, v, spans, heads, bias, "attention.forward", k.DType);
        Check.That(Supports(k.DType), "attention.forward", $"keys and values in a type that this device has, got {k.DType}");
        Check.Shape(y, q.Shape, "attention.forward");
        Check.Shape(logSumExp, new(q.Shape.D0, heads), "attention.forward");
        Check.DropoutRate(dropout.Rate, "attention.forward");
        using var _ = Trace.Op("attention.forward", Trace.IsOpen ? AttentionCost.Forward(spans, masking, q.Shape.D1, k.DType) : default);
        ForwardCore(q, k, v, spans, heads, masking, bias, dropout, y, logSumExp);
    }

    /// <summary>Gradients of all inputs. dTable accumulates over sequences in their order, so that no split changes its bits.</summary>
    /// <param name="dy">float32 [queryRows, heads · headWidth].</param>
    /// <param name="y">As Forward wrote it (before any output projection); may not have been q.</param>
    /// <param name="spans">As in Forward; nor do key rows of different sequences overlap: each row has one gradient, written by its sequence.</param>
    /// <param name="dq">float32, shape of q; rows of the spans are overwritten; may be dy.</param>
    /// <param name="dk">float32, shape of k; rows of the spans are overwritten.</param>
    /// <param name="dv">float32, shape of v; rows of the spans are overwritten.</param>
    /// <param name="dTable">float32 [buckets, heads]; accumulates; absent exactly when the bias is.</param>
    /// <param name="tablePartials">Scratch, float32 [sequences, heads · buckets]; absent exactly when the bias is.</param>
    /// <exception cref="ArgumentException">A shape or dtype differs from the above, or (CPU alone) a span leaves its tensors or shares
    /// rows with another.</exception>
    public void Backward(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads, Masking masking,
        RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials)
    {
        CheckInputs(q, k, v, spans, heads, bias, "attention.backward", DType.F32);
        Check.Shape(dy, q.Shape, "attention.backward");
        Check.Shape(y, q.Shape, "attention.backward");
        Check.Shape(logSumExp, new(q.Shape.D0, heads), "attention.backward");
        Check.Shape(dq, q.Shape, "attention.backward");
        Check.Shape(dk, k.Shape, "attention.backward");
        Check.Shape(dv, v.Shape, "attention.backward");
        Check.That(dTable.IsAbsent == bias.IsAbsent && tablePartials.IsAbsent == bias.IsAbsent, "attention.backward",
            "a table gradient and its scratch exactly when there is a bias");
        if (!bias.IsAbsent)
        {
            Check.Shape(dTable, bias.Table.Shape, "attention.backward");
            Check.Shape(tablePartials, new(spans.Shape.D0, heads * bias.Table.Shape.D0), "attention.backward");
        }
        Check.DropoutRate(dropout.Rate, "attention.backward");
        using var _ = Trace.Op("attention.backward", Trace.IsOpen ? AttentionCost.Backward(spans, masking, q.Shape.D1) : default);
        BackwardCore(dy, q, k, v, y, logSumExp, spans, heads, masking, bias, dropout, dq, dk, dv, dTable, tablePartials);
    }

    protected abstract void ForwardCore(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, Masking masking, RelativeBias bias,
        DropoutSite dropout, Tensor y, Tensor logSumExp);
    protected abstract void BackwardCore(Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, Tensor spans, int heads,
        Masking masking, RelativeBias bias, DropoutSite dropout, Tensor dq, Tensor dk, Tensor dv, Tensor dTable, Tensor tablePartials);

    void CheckInputs(Tensor q, Tensor k, Tensor v, Tensor spans, int heads, RelativeBias bias, string operation, DType keys)
    {
        int width = q.Shape.D1;
        Check.Shape(q, new(q.Shape.D0, width), operation);
        Check.That(heads > 0 && width % heads == 0, operation, $"a width divisible by {heads} heads, got {width}");
        Check.That(width / heads <= MaxHeadWidth, operation, $"heads of at most {MaxHeadWidth} elements, got {width / heads}");
        Check.Shape(k, new(k.Shape.D0, width), operation, keys);
        Check.Shape(v, k.Shape, operation, keys);
        Check.Shape(spans, new(spans.Shape.D0, AttentionSpan.Fields), operation, DType.I32);
        if (bias.IsAbsent) return;
        Check.Shape(bias.Table, new(bias.Table.Shape.D0, heads), operation);
        Check.Shape(bias.BucketOfDistance, new(2 * bias.Reach + 1), operation, DType.I32);
    }
}
