using DistillEngine.Core;

namespace DistillEngine.Kernels;

/// <summary>What attention must do at the least: its products over the keys that each query sees, and its operands' traffic. Scores that a
/// backward recomputes are its own cost, not the definition's.</summary>
public static class AttentionCost
{
    /// <summary>Products q kᵀ and p v; q, k, v read and y written.</summary>
    /// <param name="spans">As <see cref="Attention.Forward"/> takes them.</param>
    /// <param name="width">heads · headWidth.</param>
    /// <param name="keys">Type of keys and values.</param>
    public static Cost Forward(Tensor spans, Masking masking, int width, DType keys = DType.F32) =>
        Of(spans, masking, width, products: 2, queryRows: 2, keyRows: 2, keys.SizeInBytes());

    /// <summary>Products of dv, dp, dq and dk; dy, y, q, k, v read, dq, dk, dv written.</summary>
    /// <param name="spans">As <see cref="Attention.Forward"/> takes them.</param>
    /// <param name="width">heads · headWidth.</param>
    public static Cost Backward(Tensor spans, Masking masking, int width) => Of(spans, masking, width, products: 4, queryRows: 4, keyRows: 4, sizeof(float));

    /// <summary>Pairs of a query and a key that it sees, in one head of one sequence.</summary>
    public static long Pairs(AttentionSpan span, Masking masking)
    {
        if (masking == Masking.None) return (long)span.QueryCount * span.KeyCount;
        // Query i stands at QueryPosition + i and sees one key more than that, as far as there are any.
        long rising = Math.Clamp(span.KeyCount - span.QueryPosition, 0, span.QueryCount);
        return rising * span.QueryPosition + rising * (rising + 1) / 2 + (span.QueryCount - rising) * span.KeyCount;
    }

    static Cost Of(Tensor spans, Masking masking, int width, int products, int queryRows, int keyRows, int keyBytes)
    {
        // On a device whose memory the host cannot read the lengths are unknown here, and unknown work counts as none.
        if (spans.Buffer is not HostBuffer) return default;
        ReadOnlySpan<int> fields = spans.HostSpan<int>();
        long pairs = 0, elementBytes = 0;
        for (int s = 0; s < spans.Shape.D0; s++)
        {
            ReadOnlySpan<int> f = fields.Slice(s * AttentionSpan.Fields, AttentionSpan.Fields);
            var span = new AttentionSpan(f[0], f[1], f[2], f[3], f[4], f[5]);
            pairs += Pairs(span, masking);
            elementBytes += sizeof(float) * (long)queryRows * span.QueryCount + keyBytes * (long)keyRows * span.KeyCount;
        }
        return new(2L * products * pairs * width, elementBytes * width);
    }
}
