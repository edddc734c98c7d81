namespace DistillEngine.Kernels;

/// <summary>
/// The softmax of one vector of queries, down the rows of a panel of scores. Bias and causal mask are one number for each distance
/// query − key, −∞ where a query does not see a key; a key's slice of them begins one entry before that of the key before it.
/// </summary>
public sealed unsafe partial class AttentionCpu<TVector>
{
    /// <summary>Entries of a span's biases: all distances of its keys and queries, those of a last block's missing queries among them.</summary>
    static long BiasEntries(in Call call, int queries, int keys) => PadTo(queries, Block) + keys - 1;

    /// <summary>The entry of query <paramref name="first"/> and key 0.</summary>
    static int BiasOfFirstKey(in AttentionSpan span, int first) => span.KeyCount - 1 + first;

    static void SpreadMaskedBias(in Call call, in AttentionSpan span, int head, float* bias)
    {
        var entries = new Span<float>(bias, (int)BiasEntries(call, span.QueryCount, span.KeyCount));
        long first = span.KeyCount - 1L - span.QueryPosition;
        if (call.Table == null) entries.Clear();
        else SpreadBias(call, head, first, -1, entries.Length, bias);
        if (call.IsCausal && first > 0) entries[..(int)first].Fill(float.NegativeInfinity);
    }

    static void DropoutKeys(in Call call, in AttentionSpan span, int first, int count, int lanes, uint* keys)
    {
        if (!call.Dropout.IsActive) return;
        for (int i = 0; i < count; i++) keys[i] = call.DropoutKey(span, first + i);
        new Span<uint>(keys + count, lanes - count).Clear();
    }

    /// <summary>The greatest score + bias of each lane; at least key 0 is seen. A NaN may be passed over: its exponential is NaN all the same.</summary>
    static TVector Greatest(float* scores, float* bias, int reach, int columns)
    {
        TVector greatest = TVector.Broadcast(float.NegativeInfinity);
        for (int key = 0; key < reach; key++, scores += columns, bias--)
            greatest = TVector.MaxNative(TVector.Load(scores) + TVector.Load(bias), greatest);
        return greatest;
    }

    /// <summary>Turns scores into exp(score + bias − greatest) · dropout factor, and writes each lane's greatest and Σ exp.</summary>
    static void Softmax(in Call call, float* scores, float* bias, int reach, uint* dropoutKeys, uint counter, float* maxima, float* totals)
    {
        int columns = Block;
        TVector greatest = Greatest(scores, bias, reach, columns), total = TVector.Zero;
        TVector.Store(greatest, maxima);
        bool drops = call.Dropout.IsActive;
        TVector keys = drops ? TVector.Load((float*)dropoutKeys) : TVector.Zero;
        uint threshold = call.Dropout.Threshold;
        float keepScale = call.Dropout.KeepScale;
        for (int start = 0; start < reach; start += KeyPiece)
        {
            TVector sum = TVector.Zero;
            int end = Math.Min(start + KeyPiece, reach);
            for (int key = start; key < end; key++, scores += columns, bias--)
            {
                TVector weight = TVector.Exp(TVector.Load(scores) + TVector.Load(bias) - greatest);
                sum += weight;
                if (drops) weight *= TVector.DropoutFactors(keys, counter + (uint)key, threshold, keepScale);
                TVector.Store(weight, scores);
            }
            total += sum;
        }
        TVector.Store(total, totals);
    }

    /// <summary>
    /// Turns scores into the weights after dropout and dy vᵀ into ds = p∘(dp − δ), which is added to the gradients by distance too. δ is
    /// divided by the sum that divides p, so that it equals its terms where one weight is all.
    /// </summary>
    /// <param name="dBias">Entries of as many copies as there are lanes, <paramref name="dBiasStride"/> apart; keys take turns among them.</param>
    static void SoftmaxBackward(in Call call, float* scores, float* ds, float* bias, int reach, uint* dropoutKeys, uint counter,
        float* dBias, long dBiasStride)
    {
        int columns = Block;
        TVector greatest = Greatest(scores, bias, reach, columns), total = TVector.Zero, delta = TVector.Zero;
        bool drops = call.Dropout.IsActive;
        TVector keys = drops ? TVector.Load((float*)dropoutKeys) : TVector.Zero;
        uint threshold = call.Dropout.Threshold;
        float keepScale = call.Dropout.KeepScale;
        float* score = scores, d = ds;
        for (int start = 0; start < reach; start += KeyPiece)
        {
            TVector sum = TVector.Zero, deltas = TVector.Zero;
            int end = Math.Min(start + KeyPiece, reach);
            for (int key = start; key < end; key++, score += columns, d += columns, bias--)
            {
                TVector weight = TVector.Exp(TVector.Load(score) + TVector.Load(bias) - greatest), dWeight = TVector.Load(d);
                sum += weight;
                if (drops)
                {
                    TVector factor = TVector.DropoutFactors(keys, counter + (uint)key, threshold, keepScale);
                    dWeight *= factor;
                    TVector.Store(dWeight, d);
                    // No weight is negative, so its sign tells until the second pass that it is dropped: a draw takes as long as the rest of that pass.
                    TVector.Store(TVector.SelectGreater(factor, TVector.Zero, weight, TVector.MinusMagnitude(weight)), score);
                }
                else TVector.Store(weight, score);
                deltas = TVector.MultiplyAdd(weight, dWeight, deltas);
            }
            total += sum;
            delta += deltas;
        }
        TVector inverse = TVector.Broadcast(1) / total, scale = TVector.Broadcast(keepScale);
        delta *= inverse;
        for (int key = 0; key < reach; key++, scores += columns, ds += columns)
        {
            TVector signed = TVector.Load(scores), weight = TVector.Magnitude(signed) * inverse, dScore = weight * (TVector.Load(ds) - delta);
            // A dropped 0 may count as kept, and NaN stays.
            if (drops) weight *= TVector.SelectGreater(TVector.Zero, signed, TVector.Zero, scale);
            TVector.Store(weight, scores);
            TVector.Store(dScore, ds);
            if (dBias == null) continue;
            // The next key's slice overlaps this one, so a load from it would wait for the store: it goes to the next copy.
            float* slice = dBias + (key & (TVector.Count - 1)) * dBiasStride - key;
            TVector.Store(TVector.Load(slice) + dScore, slice);
        }
    }
}
